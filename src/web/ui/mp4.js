// When each frame of a fragmented MP4 is shown: what stepping by one frame needs (ISO/IEC 14496-12 §8.8).
// SPDX-License-Identifier: Apache-2.0

function* boxes(view, from, to) {
	for (let at = from; at + 8 <= to;) {
		let size = view.getUint32(at), head = 8;
		if (size === 1 && at + 16 <= to) {
			size = Number(view.getBigUint64(at + 8));
			head = 16;
		}
		if (size < head || at + size > to)
			return;
		yield {type: String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at + 4, 4)), from: at + head, to: at + size};
		at += size;
	}
}

function find(view, from, to, ...path) {
	for (const box of boxes(view, from, to))
		if (box.type === path[0])
			return path.length === 1 ? box : find(view, box.from, box.to, ...path.slice(1));
	return null;
}

/** Ticks a second of the first track, from the initialisation segment; 0: there is none in it. */
export function timescale(bytes) {
	const view = new DataView(bytes);
	const box = find(view, 0, view.byteLength, "moov", "trak", "mdia", "mdhd");
	return box ? view.getUint32(box.from + (view.getUint8(box.from) === 1 ? 20 : 12)) : 0;
}

function defaultDuration(view, tfhd) {
	const flags = view.getUint32(tfhd.from) & 0xffffff;
	const at = tfhd.from + 8 + (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0);
	return flags & 8 ? view.getUint32(at) : 0;
}

function run(view, trun, dts, fallback, scale, frames) {
	const version = view.getUint8(trun.from), flags = view.getUint32(trun.from) & 0xffffff;
	const n = view.getUint32(trun.from + 4);
	let at = trun.from + 8 + (flags & 1 ? 4 : 0) + (flags & 4 ? 4 : 0);
	const entry = [0x100, 0x200, 0x400, 0x800].reduce((sum, bit) => sum + (flags & bit ? 4 : 0), 0);
	if (at + n * entry > trun.to)
		return dts;
	for (let i = 0; i < n; i++, at += entry) {
		const duration = flags & 0x100 ? view.getUint32(at) : fallback;
		const shift = at + entry - 4;
		const cts = !(flags & 0x800) ? 0 : version ? view.getInt32(shift) : view.getUint32(shift);
		frames.push({at: (dts + cts) / scale, lasts: duration / scale});
		dts += duration;
	}
	return dts;
}

/** [{at, lasts}] in seconds of the page's axis, in order of showing. bytes: an ArrayBuffer of whole boxes. */
export function frameTimes(bytes) {
	const view = new DataView(bytes), scale = timescale(bytes), frames = [];
	if (!scale)
		return frames;
	for (const moof of boxes(view, 0, view.byteLength)) {
		const traf = moof.type === "moof" && find(view, moof.from, moof.to, "traf");
		const tfhd = traf && find(view, traf.from, traf.to, "tfhd"), tfdt = traf && find(view, traf.from, traf.to, "tfdt");
		if (!tfhd || !tfdt)
			continue;
		let dts = view.getUint8(tfdt.from) ? Number(view.getBigUint64(tfdt.from + 4)) : view.getUint32(tfdt.from + 4);
		for (const box of boxes(view, traf.from, traf.to))
			if (box.type === "trun")
				dts = run(view, box, dts, defaultDuration(view, tfhd), scale, frames);
	}
	return frames.sort((a, b) => a.at - b.at);
}
