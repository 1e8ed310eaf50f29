// Footage of the past where there are no Media Source Extensions: pieces of half a minute, each a file that the element loads
// by itself. The same face as player.js, with a pause between pieces, without sound, without single frames.
// SPDX-License-Identifier: Apache-2.0
import {get, query, request} from "./api.js";
import {closeSource} from "./mse.js";

const PIECE_S = 30;
const NEWER_MS = 3000; // at the newest footage: before it is asked for again
const LEAD_S = 1; // the file's axis begins before its first frame, which may be decoded earlier than it is shown
const LOOK_MS = 400 * 86400000;
const iso = ms => new Date(ms).toISOString();

/** on: as of Player; cannot(sentence) is optional. */
export class PiecePlayer {
	constructor(video, on) {
		Object.assign(this, {video, on, rate: 1, sound: false, generation: 0, piece: null, wantsPlay: false});
		video.addEventListener("error", () => this.piece && this.#fail(video.error?.message || "this browser cannot play footage in pieces: save it as MP4 instead"));
		video.addEventListener("playing", () => this.on.state?.("playing"));
		video.addEventListener("pause", () => this.piece && !video.ended && this.on.state?.("paused"));
		video.addEventListener("loadedmetadata", () => this.#arrive());
		video.addEventListener("timeupdate", () => this.#look());
		video.addEventListener("seeked", () => this.#look());
		video.addEventListener("ended", () => this.piece && this.#begin(this.piece.next * 1000));
	}

	/** Capture time of what is shown, ms; NaN: nothing is. */
	get shown() { return this.piece ? (this.piece.epoch + this.video.currentTime) * 1000 : NaN; }
	get playing() { return this.wantsPlay; }

	open(camera, stream, ms, play) {
		Object.assign(this, {camera, stream, wantsPlay: play});
		this.#begin(ms);
	}

	close() {
		this.generation++;
		this.wantsPlay = false;
		this.piece = null;
		closeSource(this.video);
	}

	play() {
		this.wantsPlay = true;
		this.video.playbackRate = this.rate;
		this.video.play().catch(() => {});
	}

	pause() {
		this.wantsPlay = false;
		this.video.pause();
	}

	setRate(rate) {
		this.rate = rate;
		this.video.playbackRate = rate;
	}

	setSound(on) {
		if (on)
			this.on.silent?.("this browser plays the past without sound: save it as MP4 to hear it");
	}

	step() {
		this.pause();
		this.on.cannot?.("this browser does not go frame by frame");
	}

	seek(ms) {
		if (this.piece && ms / 1000 >= this.piece.first && ms / 1000 < this.piece.next) {
			this.piece.wanted = ms / 1000;
			this.video.currentTime = this.piece.wanted - this.piece.epoch;
		} else {
			this.#begin(ms);
		}
	}

	async #begin(ms) {
		const generation = ++this.generation;
		this.piece = null;
		this.video.muted = true;
		this.on.state?.("loading");
		try {
			const piece = await this.#find(ms / 1000) || await this.#later(ms);
			if (this.generation !== generation)
				return;
			if (!piece)
				return setTimeout(() => this.wantsPlay && this.generation === generation && this.#begin(ms), NEWER_MS);
			if (!this.video.canPlayType(piece.mime))
				return this.on.unplayable?.(piece.codec, this.stream);
			this.piece = piece;
			this.video.src = piece.url;
			if (this.wantsPlay)
				this.play();
		} catch (error) {
			if (this.generation === generation)
				this.#fail(error.message);
		}
	}

	/** What there is from an instant on, within the length of a piece; null: nothing. */
	async #find(from) {
		const path = `/api/cameras/${encodeURIComponent(this.camera)}/play.mp4`, to = from + PIECE_S;
		const values = {stream: this.stream, from: from.toFixed(3), to: to.toFixed(3)};
		const head = (await request("HEAD", query(path, values))).headers;
		const first = Number(head.get("Pigtail-First")), next = Number(head.get("Pigtail-Next"));
		if (!first || next <= from + 0.001)
			return null;
		const epoch = Math.floor(first) - LEAD_S;
		return {first, next, epoch, wanted: Math.max(from, first), mime: head.get("Pigtail-Mime"), codec: head.get("Pigtail-Codec"), url: query(path, {...values, to: Math.min(next, to).toFixed(3), epoch})};
	}

	/** Behind a gap, if there is footage anywhere; else says so. */
	async #later(ms) {
		const line = await get(query("/api/timeline", {camera: this.camera, stream: this.stream, from: iso(ms), to: iso(Math.max(ms, Date.now()) + LOOK_MS)}));
		const footage = line.cameras[this.camera]?.[this.stream]?.footage || [];
		const span = footage.find(([start]) => start > ms);
		if (span) {
			const piece = await this.#find(span[0] / 1000 + 0.001);
			if (piece)
				this.on.jumped?.(ms, span[0]);
			return piece;
		}
		this.on.state?.(footage.length ? "end" : "none", footage.length ? "this is the newest footage" : "nothing has been recorded from here on");
		return null;
	}

	#arrive() {
		if (!this.piece)
			return;
		this.video.currentTime = this.piece.wanted - this.piece.epoch;
		this.video.playbackRate = this.rate;
		if (!this.wantsPlay)
			this.on.state?.("paused");
	}

	#look() {
		if (this.piece && this.video.readyState >= 2)
			this.on.time?.(this.shown);
	}

	#fail(sentence) {
		this.generation++;
		this.piece = null;
		this.on.state?.("problem", sentence);
	}
}
