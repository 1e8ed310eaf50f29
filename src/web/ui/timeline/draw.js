// Draws the timeline: a ruler, a lane of events, a lane for each camera. Footage and gaps have a pattern each (patterns.js),
// motion is a raised bar on them, kept spans have a bracket, events are marks told apart by shape.
// SPDX-License-Identifier: Apache-2.0
import {camera as cameraOf} from "../site.js";
import {gapKind} from "./gaps.js";
import {paint} from "./patterns.js";
import {ticks, toX} from "./scale.js";

export const RULER = 34, EVENTS = 30, LANE = 46, LABEL = 15;
export const heightFor = lanes => RULER + EVENTS + lanes * LANE + 4;
export const laneTop = i => RULER + EVENTS + i * LANE;

export function colours(element) {
	const style = getComputedStyle(element), of = name => style.getPropertyValue(name).trim();
	return {
		ground: of("--ground"), card: of("--card"), ink: of("--ink"), dim: of("--dim"), line: of("--line"),
		footage: of("--footage"), fetched: of("--fetched"), gap: of("--gap"), place: of("--place"), event: of("--event"), kept: of("--kept"),
		chosen: of("--chosen"), font: style.fontFamily,
	};
}

export function draw(canvas, model) {
	const ratio = window.devicePixelRatio || 1;
	const {view, c} = model, height = heightFor(model.lanes.length);
	if (canvas.width !== Math.round(view.width * ratio) || canvas.height !== Math.round(height * ratio)) {
		canvas.width = Math.round(view.width * ratio);
		canvas.height = Math.round(height * ratio);
	}
	const g = canvas.getContext("2d");
	g.setTransform(ratio, 0, 0, ratio, 0, 0);
	g.clearRect(0, 0, view.width, height);
	drawRuler(g, model, height);
	drawChosen(g, model, height);
	model.lanes.forEach((name, i) => drawLane(g, model, name, laneTop(i)));
	drawEvents(g, model);
	drawNow(g, model, height);
	drawPlace(g, model, height);
	g.fillStyle = c.ink;
}

/** One entry of the legend. */
export function swatch(canvas, c, kind) {
	const ratio = window.devicePixelRatio || 1, w = 30, h = 14;
	canvas.width = w * ratio;
	canvas.height = h * ratio;
	const g = canvas.getContext("2d");
	g.setTransform(ratio, 0, 0, ratio, 0, 0);
	paint(g, c, kind, 0, 0, w, h);
}

function text(g, c, size, weight = 400) {
	g.font = `${weight} ${size}px ${c.font}`;
	g.textBaseline = "middle";
}

function drawRuler(g, {view, c}, height) {
	text(g, c, 12);
	g.textAlign = "left";
	for (const t of ticks(view, view.width < 600 ? 62 : 84)) {
		const x = Math.round(toX(view, t.ms)) + 0.5;
		g.strokeStyle = c.line;
		g.lineWidth = t.strong ? 2 : 1;
		g.beginPath();
		g.moveTo(x, t.strong ? 0 : 8);
		g.lineTo(x, height);
		g.stroke();
		g.fillStyle = t.strong ? c.ink : c.dim;
		g.fillText(t.label, x + 4, 15);
	}
}

/** Pixels of a span within the canvas, at least one wide; null: outside. */
function extent(view, from, to) {
	const a = Math.max(toX(view, from), -2), b = Math.min(toX(view, to), view.width + 2);
	return b < a || a > view.width || b < 0 ? null : [a, Math.max(b - a, 1)];
}

function drawLane(g, {view, c, data, camera, now, shift}, name, top) {
	const y = top + LABEL + 2, h = LANE - LABEL - 8, series = data.footage(name), known = cameraOf(name);
	g.fillStyle = name === camera ? c.card : "transparent";
	g.fillRect(0, top, view.width, LANE);
	g.strokeStyle = c.line;
	g.lineWidth = 1;
	g.strokeRect(-1, top + 0.5, view.width + 2, LANE);
	const stretch = (kind, from, to, least = 1) => {
		const at = extent(view, from, to);
		if (at)
			paint(g, c, kind, at[0], y, Math.max(at[1], least), h, shift);
	};
	for (const gap of series?.gaps || []) {
		stretch(gapKind(gap, known?.onvif), gap.start, gap.end || now, 2);
		if (gap.reached > gap.start)
			stretch("fetched", gap.start, gap.reached);
	}
	series?.footage.forEach(([from, to]) => stretch("live", from, to));
	series?.fetched?.forEach(([from, to]) => stretch("fetched", from, to));
	series?.other_quality?.forEach(([from, to]) => stretch("other", from, to));
	g.fillStyle = c.event;
	for (const [from, to = now] of data.motion[name] || []) {
		const at = extent(view, from, to);
		if (at)
			g.fillRect(at[0], y - 3, Math.max(at[1], 2), 6);
	}
	g.strokeStyle = g.fillStyle = c.kept;
	g.lineWidth = 3;
	for (const k of data.kept) {
		const at = k.camera === name && extent(view, k.from, k.to);
		if (!at)
			continue;
		g.beginPath();
		g.moveTo(at[0] + 1.5, y + h + 4);
		g.lineTo(at[0] + 1.5, y + h);
		g.lineTo(at[0] + at[1] - 1.5, y + h);
		g.lineTo(at[0] + at[1] - 1.5, y + h + 4);
		g.stroke();
	}
	drawLabel(g, c, name, name === camera, series, top);
}

function drawLabel(g, c, name, chosen, series, top) {
	text(g, c, 12, chosen ? 700 : 400);
	const words = (chosen ? "▸ " : "") + name + (series ? "" : ": nothing recorded yet");
	const width = g.measureText(words).width;
	g.fillStyle = chosen ? c.card : c.ground;
	g.fillRect(0, top + 1, width + 12, LABEL);
	g.fillStyle = chosen ? c.ink : c.dim;
	g.fillText(words, 6, top + LABEL / 2 + 2);
}

const shapes = {
	input: (g, x, y, r) => { g.moveTo(x, y - r); g.lineTo(x + r, y + r); g.lineTo(x - r, y + r); },
	relay: (g, x, y, r) => g.rect(x - r, y - r, 2 * r, 2 * r),
	rule: (g, x, y, r) => { g.moveTo(x, y - r - 1); g.lineTo(x + r + 1, y); g.lineTo(x, y + r + 1); g.lineTo(x - r - 1, y); },
	stream: (g, x, y, r) => { g.moveTo(x - r, y - r); g.lineTo(x + r, y + r); g.moveTo(x + r, y - r); g.lineTo(x - r, y + r); },
	system: (g, x, y, r) => g.arc(x, y, r, 0, 7),
};
const quiet = new Set(["inactive", "off", "live", "well", "done"]); // drawn hollow
const over = {fault: 1, lost: 1, unknown: 1};

/** Marks nearer than 13 pixels become one with their number. Returns [{x, events}] so that a tap finds them. */
export function clusters(view, events) {
	const result = [];
	for (const e of events) {
		if (e.ms < view.from || e.ms > view.from + view.span || e.initial)
			continue;
		const x = toX(view, e.ms), last = result[result.length - 1];
		if (last && x - last.x < 13)
			last.events.push(e);
		else
			result.push({x, events: [e]});
	}
	return result;
}

function drawEvents(g, {view, c, data}) {
	const y = RULER + EVENTS / 2;
	const edge = toX(view, data.eventsFrom);
	if (edge > 0) {
		text(g, c, 12);
		g.fillStyle = c.dim;
		g.textAlign = "right";
		g.fillText("too many events: zoom in ◂", Math.min(edge, view.width) - 8, y);
		g.textAlign = "left";
	}
	for (const {x, events} of clusters(view, data.events)) {
		const worst = events.find(e => over[e.state]) || events.find(e => !quiet.has(e.state)) || events[0];
		g.beginPath();
		(shapes[worst.topic] || shapes.system)(g, x, y, 5);
		g.strokeStyle = g.fillStyle = over[worst.state] ? c.gap : c.event;
		g.lineWidth = 1.8;
		g.closePath();
		if (!quiet.has(worst.state) && worst.topic !== "stream")
			g.fill();
		g.stroke();
		if (events.length > 1) {
			text(g, c, 10, 700);
			g.textAlign = "center";
			g.fillStyle = c.ink;
			g.fillText(events.length > 99 ? "99+" : String(events.length), x, y - 11);
			g.textAlign = "left";
		}
	}
}

function drawChosen(g, {view, c, chosen}, height) {
	if (!chosen)
		return;
	const a = toX(view, chosen.from), b = toX(view, chosen.to ?? chosen.from);
	g.globalAlpha = 0.22;
	g.fillStyle = c.chosen;
	g.fillRect(a, 0, b - a, height);
	g.globalAlpha = 1;
	g.strokeStyle = g.fillStyle = c.chosen;
	g.lineWidth = 2;
	for (const [x, side] of [[a, 1], [b, -1]]) {
		g.beginPath();
		g.moveTo(x, 0);
		g.lineTo(x, height);
		g.stroke();
		g.fillRect(side > 0 ? x : x - 7, 0, 7, 14);
	}
}

function drawNow(g, {view, c, now}, height) {
	const x = toX(view, now);
	if (x < 0 || x > view.width)
		return;
	g.fillStyle = c.line;
	g.globalAlpha = 0.35;
	g.fillRect(x, RULER, view.width - x, height - RULER);
	g.globalAlpha = 1;
	text(g, c, 11);
	g.fillStyle = c.dim;
	g.fillText("now", x + 4, RULER - 6);
}

function drawPlace(g, {view, c, place}, height) {
	if (!Number.isFinite(place))
		return;
	const x = toX(view, place);
	if (x < -8 || x > view.width + 8)
		return;
	g.fillStyle = c.place;
	g.fillRect(x - 1, 0, 2, height);
	g.beginPath();
	g.moveTo(x - 8, 0);
	g.lineTo(x + 8, 0);
	g.lineTo(x + 8, 12);
	g.lineTo(x, 22);
	g.lineTo(x - 8, 12);
	g.fill();
}
