// Which frames are in the buffer, on the page's axis: for stepping by one, and for saying what is shown.
// SPDX-License-Identifier: Apache-2.0

const SAME = 0.0005; // seconds: the same frame, sent twice because windows begin at key frames

export class FrameTable {
	constructor() { this.frames = []; }

	clear() { this.frames = []; }

	/** more: in order, as frameTimes() gives them; they replace what lies within their span. */
	add(more) {
		if (!more.length)
			return;
		const from = more[0].at - SAME, to = more[more.length - 1].at + SAME;
		this.frames = [...this.frames.filter(f => f.at < from), ...more, ...this.frames.filter(f => f.at > to)];
	}

	dropBefore(t) {
		const n = this.frames.findIndex(f => f.at >= t);
		if (n > 1000) // now and then is enough
			this.frames.splice(0, n);
	}

	/** Index of the last frame that begins at or before t; -1: none. */
	index(t) {
		let low = 0, high = this.frames.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.frames[middle].at <= t + SAME)
				low = middle + 1;
			else
				high = middle;
		}
		return low - 1;
	}

	/** The frame shown at t, or null in a gap. */
	at(t) {
		const frame = this.frames[this.index(t)];
		return frame && t < frame.at + Math.max(frame.lasts, SAME) * 1.5 ? frame : null;
	}

	before(t) { return this.frames[this.index(t - 2 * SAME)] || null; }
	after(t) { return this.frames[this.index(t) + 1] || null; }
}
