// Fingers, mouse and keys on the canvas, told as: pan, zoom, tap, scrub (drag on the ruler), choose (drag with Shift, or of a
// handle), hover.
// SPDX-License-Identifier: Apache-2.0
import {RULER} from "./draw.js";

const SLOP = 6; // pixels a tap may wander

/** on: {pan(dx), zoom(factor, x), tap(x, y), scrub(x, ended), choose(x0, x, ended), grip(x) → "from"|"to"|null,
 * drag(grip, x, ended), hover(x, y), leave()} */
export function gestures(canvas, on) {
	const fingers = new Map(); // pointer → {x, y}
	let mode = "", start = null, grip = null;

	const at = event => {
		const box = canvas.getBoundingClientRect();
		return {x: event.clientX - box.left, y: event.clientY - box.top};
	};
	const spread = () => {
		const [a, b] = [...fingers.values()];
		return {x: (a.x + b.x) / 2, d: Math.max(Math.abs(a.x - b.x), 20)};
	};

	function down(event) {
		if (event.button > 0)
			return;
		const p = at(event);
		canvas.setPointerCapture(event.pointerId);
		canvas.focus({preventScroll: true});
		fingers.set(event.pointerId, p);
		if (fingers.size === 2) {
			mode = "pinch";
			start = spread();
			return;
		}
		start = p;
		grip = on.grip(p.x);
		mode = grip ? "grip" : event.shiftKey ? "choose" : p.y < RULER ? "scrub" : "tap";
		if (mode === "scrub")
			on.scrub(p.x, false);
	}

	function move(event) {
		const p = at(event), before = fingers.get(event.pointerId);
		if (!before) {
			on.hover(p.x, p.y);
			return;
		}
		fingers.set(event.pointerId, p);
		if (mode === "pinch" && fingers.size === 2) {
			const now = spread();
			on.zoom(start.d / now.d, now.x);
			on.pan(now.x - start.x);
			start = now;
		} else if (mode === "scrub") {
			on.scrub(p.x, false);
		} else if (mode === "choose") {
			on.choose(start.x, p.x, false);
		} else if (mode === "grip") {
			on.drag(grip, p.x, false);
		} else if (mode === "pan" || (mode === "tap" && Math.abs(p.x - start.x) > SLOP)) {
			if (mode === "tap")
				on.leave();
			on.pan(p.x - (mode === "pan" ? before.x : start.x));
			mode = "pan";
		}
	}

	function up(event) {
		const p = at(event);
		if (!fingers.delete(event.pointerId))
			return;
		if (event.type === "pointerup") {
			if (mode === "tap")
				on.tap(p.x, p.y);
			else if (mode === "scrub")
				on.scrub(p.x, true);
			else if (mode === "choose")
				on.choose(start.x, p.x, true);
			else if (mode === "grip")
				on.drag(grip, p.x, true);
		}
		mode = fingers.size ? "held" : ""; // one finger of a pinch is left: it does nothing
	}

	function wheel(event) {
		event.preventDefault();
		const unit = event.deltaMode === 1 ? 16 : 1;
		if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey)
			on.pan(-(event.deltaX || event.deltaY) * unit);
		else
			on.zoom(Math.exp(Math.max(-120, Math.min(120, event.deltaY * unit)) * 0.0025), at(event).x);
	}

	canvas.addEventListener("pointerdown", down);
	canvas.addEventListener("pointermove", move);
	canvas.addEventListener("pointerup", up);
	canvas.addEventListener("pointercancel", up);
	canvas.addEventListener("pointerleave", () => on.leave());
	canvas.addEventListener("wheel", wheel, {passive: false});
}
