// How stretches of a lane look: told apart by pattern, with a colour each. The legend is painted by the same hand.
// SPDX-License-Identifier: Apache-2.0

const STEP = 7; // pixels between strokes

/** In the order of the legend. */
export const kinds = {
	live: "recorded live", fetched: "fetched from the card", other: "fetched, other quality", fetching: "being fetched", missing: "missing",
	lost: "not recoverable", unwanted: "not wanted",
};

/** Strokes that lean one way (1) or the other (-1); shift: pixels, for what moves. */
function strokes(g, x, y, w, h, lean, shift) {
	g.beginPath();
	for (let at = Math.floor((x - h) / STEP) * STEP + shift % STEP; at < x + w + h; at += STEP) {
		g.moveTo(at, lean > 0 ? y + h : y);
		g.lineTo(at + h, lean > 0 ? y : y + h);
	}
	g.stroke();
}

function hatch(g, colour, x, y, w, h, {crossed = false, shift = 0, width = 1.5} = {}) {
	g.save();
	g.beginPath();
	g.rect(x, y, w, h);
	g.clip();
	g.strokeStyle = colour;
	g.lineWidth = width;
	strokes(g, x, y, w, h, 1, shift);
	if (crossed)
		strokes(g, x, y, w, h, -1, shift);
	g.restore();
	g.strokeStyle = colour;
	g.lineWidth = 1;
	g.strokeRect(x + 0.5, y + 0.5, Math.max(w - 1, 0.5), h - 1);
}

function dotted(g, c, x, y, w, h) {
	g.fillStyle = c.fetched;
	g.fillRect(x, y, w, h);
	g.fillStyle = c.ground;
	for (let row = 0, dy = y + 3; dy < y + h - 2; row++, dy += 5)
		for (let dx = Math.ceil(x / 8) * 8 + (row % 2) * 4 + 1; dx < x + w - 2; dx += 8)
			g.fillRect(dx, dy, 2, 2);
}

function lined(g, c, x, y, w, h) {
	g.fillStyle = c.fetched;
	g.fillRect(x, y, w, h);
	g.fillStyle = c.ground;
	for (let dy = y + 3; dy < y + h - 2; dy += 5)
		g.fillRect(x, dy, w, 2);
}

/** shift: pixels that what is being fetched has moved on by. */
export function paint(g, c, kind, x, y, w, h, shift = 0) {
	if (kind === "live") {
		g.fillStyle = c.footage;
		g.fillRect(x, y, w, h);
	} else if (kind === "fetched") {
		dotted(g, c, x, y, w, h);
	} else if (kind === "other") {
		lined(g, c, x, y, w, h);
	} else if (kind === "fetching") {
		hatch(g, c.fetched, x, y, w, h, {shift, width: 3.5});
	} else if (kind === "lost") {
		hatch(g, c.gap, x, y, w, h, {crossed: true});
	} else if (kind === "unwanted") {
		g.strokeStyle = c.dim;
		g.lineWidth = 1.5;
		g.setLineDash([3, 4]);
		g.beginPath();
		g.moveTo(x, y + h / 2);
		g.lineTo(x + w, y + h / 2);
		g.stroke();
		g.setLineDash([]);
	} else {
		hatch(g, c.gap, x, y, w, h);
	}
}
