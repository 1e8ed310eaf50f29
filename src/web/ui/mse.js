// Media Source Extensions as both players need them: which class there is, and a source buffer that queues.
// SPDX-License-Identifier: Apache-2.0

/** Phones of one maker have only the managed kind. undefined: neither. */
export const MediaSourceClass = window.ManagedMediaSource || window.MediaSource;

export const canPlay = mime => !!mime && !!MediaSourceClass?.isTypeSupported(mime);

/** Ties a new media source to the element. Resolves when it is open. */
export function openSource(video) {
	const source = new MediaSourceClass();
	const url = URL.createObjectURL(source);
	video.disableRemotePlayback = true; // the managed kind asks for it
	video.src = url;
	return new Promise(resolve => {
		source.addEventListener("sourceopen", () => {
			URL.revokeObjectURL(url);
			resolve(source);
		}, {once: true});
	});
}

export function closeSource(video) {
	video.removeAttribute("src");
	video.load();
}

function joined(pieces) {
	if (pieces.length === 1)
		return pieces[0];
	const all = new Uint8Array(pieces.reduce((n, p) => n + p.byteLength, 0));
	let at = 0;
	for (const piece of pieces) {
		all.set(piece instanceof Uint8Array ? piece : new Uint8Array(piece), at);
		at += piece.byteLength;
	}
	return all;
}

/** A source buffer does one thing at a time and refuses the next meanwhile; this waits for it. */
export class BufferQueue {
	constructor(source, mime, onerror) {
		this.buffer = source.addSourceBuffer(mime);
		this.mime = mime;
		this.onerror = onerror;
		this.data = [];   // pieces to append
		this.tasks = [];  // [function, resolve]: what is not data, done once the data before it is in
		this.onadded = () => {};
		this.buffer.addEventListener("updateend", () => this.#next());
		this.buffer.addEventListener("error", () => onerror(new Error("the browser could not read this footage")));
	}

	append(bytes) {
		this.data.push(bytes);
		this.#next();
	}

	/** Resolves when all that was appended so far is in. */
	settled() { return this.#task(() => {}); }
	remove(from, to) { return this.#task(() => this.buffer.remove(from, to)); }
	changeType(mime) {
		this.mime = mime;
		return this.#task(() => this.buffer.changeType(mime));
	}

	/** Drops what waits and what is being read. */
	clear() {
		this.data = [];
		if (this.buffer.updating)
			this.#quietly(() => this.buffer.abort());
		return this.remove(0, Infinity);
	}

	get ranges() {
		try {
			return this.buffer.buffered;
		} catch { // the element has let go of it
			return {length: 0};
		}
	}

	/** The range around t, as [start, end], or null. */
	range(t) {
		for (let i = 0, r = this.ranges; i < r.length; i++)
			if (t >= r.start(i) - 0.001 && t < r.end(i))
				return [r.start(i), r.end(i)];
		return null;
	}

	/** Start of the first range that begins after t; NaN: none. */
	following(t) {
		for (let i = 0, r = this.ranges; i < r.length; i++)
			if (r.start(i) > t)
				return r.start(i);
		return NaN;
	}

	#task(fn) {
		return new Promise(resolve => {
			this.tasks.push([fn, resolve]);
			this.#next();
		});
	}

	#quietly(fn) {
		try {
			fn();
		} catch (error) {
			if (error.name !== "InvalidStateError")
				throw error;
		}
	}

	#next() {
		if (this.buffer.updating)
			return;
		try {
			if (this.data.length) {
				const data = this.data;
				this.data = [];
				this.full = false;
				this.#append(data);
				return;
			}
			this.onadded();
			while (this.tasks.length && !this.buffer.updating) {
				const [fn, resolve] = this.tasks.shift();
				this.#quietly(fn);
				if (this.buffer.updating)
					this.buffer.addEventListener("updateend", resolve, {once: true});
				else
					resolve();
			}
		} catch (error) {
			this.onerror(error);
		}
	}

	#append(data) {
		try {
			this.buffer.appendBuffer(joined(data));
		} catch (error) {
			if (error.name !== "QuotaExceededError" || !this.ranges.length || this.full)
				throw error;
			// make room at the old end, then try the same once more
			this.full = true;
			const start = this.ranges.start(0), end = this.ranges.end(this.ranges.length - 1);
			this.data = data;
			this.buffer.remove(start, start + (end - start) / 2);
		}
	}
}
