// Footage of the past in an element. The element's time axis is capture time less an epoch, so what is shown and when it
// was captured are one number. Windows of footage are fetched ahead, gaps are left open and jumped over.
// SPDX-License-Identifier: Apache-2.0
import {get, query, request} from "./api.js";
import {frameTimes} from "./mp4.js";
import {FrameTable} from "./frames.js";
import {BufferQueue, canPlay, closeSource, openSource} from "./mse.js";

const WINDOW_S = 10, WINDOW_MAX_S = 60;
const KEEP_S = 45;           // behind the place, for stepping back
const SOUND_EARLY_S = 0.5;  // the picture of a place may begin before it
const EPOCH_BACK_S = 86400;  // the axis begins a day before the first place, so that going back is possible
const LOOK_MS = 400 * 86400000;
const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
const iso = ms => new Date(ms).toISOString();

/** on: {time(captureMs), state(word, sentence), jumped(fromMs, toMs)}; words: loading, playing, paused, end, none, problem. */
export class Player {
	constructor(video, on) {
		Object.assign(this, {video, on, frames: new FrameTable(), rate: 1, sound: false});
		this.camera = this.stream = "";
		this.generation = 0; // a new one ends all that runs for the old
		video.addEventListener("error", () => this.session && this.#fail(video.error?.message || "the decoder failed"));
		video.addEventListener("playing", () => this.#say("playing"));
		video.addEventListener("pause", () => this.#say("paused"));
		video.addEventListener("timeupdate", () => this.#look());
		video.addEventListener("seeked", () => this.#look());
		video.addEventListener("waiting", () => this.#look());
	}

	/** Capture time of what is shown, ms; NaN: nothing is. */
	get shown() { return this.session ? this.session.epoch * 1000 + this.#frameTime() * 1000 : NaN; }
	get playing() { return this.wantsPlay; }

	open(camera, stream, ms, play) {
		Object.assign(this, {camera, stream, wantsPlay: play});
		this.video.muted = !this.sound;
		this.#begin(ms);
	}

	close() {
		this.generation++;
		this.session = null;
		this.wantsPlay = false;
		this.video.pause();
		if (this.video.src)
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

	/** Sound is a series of its own; a media source takes it from its beginning or not at all. */
	setSound(on) {
		this.sound = on;
		if (this.session)
			this.open(this.camera, this.stream, this.shown, this.wantsPlay);
	}

	seek(ms) {
		const s = this.session, t = s ? ms / 1000 - s.epoch : -1;
		if (s?.queue?.range(t) && this.frames.at(t))
			this.#place(t);
		else if (s?.queue && t > 0 && !s.failed)
			this.#reload(ms);
		else
			this.#begin(ms);
	}

	/** One frame on (1) or back (-1); pauses. */
	async step(direction) {
		this.pause();
		const s = this.session;
		if (!s)
			return;
		const here = this.#frameTime();
		let frame = direction > 0 ? this.frames.after(here) : this.frames.before(here);
		if (!frame || !s.queue?.range(frame.at + frame.lasts / 2)) {
			// the neighbour is not loaded: forward it comes by itself, backward it has to be asked for
			if (direction > 0)
				return;
			await this.#fetchAround(here);
			frame = this.frames.before(here);
		}
		if (frame && this.session === s)
			this.#place(frame.at);
	}

	// ---- one session: one media source, one epoch, one format family ----

	async #begin(ms) {
		const generation = ++this.generation;
		this.abort?.abort();
		this.frames.clear();
		const s = this.session = {
			epoch: Math.floor(ms / 1000) - EPOCH_BACK_S, queue: null, next: ms / 1000, target: ms / 1000, failed: false,
			sound: this.sound ? {queue: null, next: ms / 1000 - SOUND_EARLY_S} : null,
		};
		this.#say("loading");
		s.source = await openSource(this.video);
		if (this.generation === generation)
			this.#pump(generation);
	}

	async #reload(ms) {
		const s = this.session, generation = ++this.generation;
		this.abort?.abort();
		this.#say("loading");
		s.next = s.target = ms / 1000;
		this.frames.clear();
		await s.queue.clear();
		if (s.sound) {
			s.sound.next = s.next - SOUND_EARLY_S;
			await s.sound.queue?.clear();
		}
		if (this.generation === generation)
			this.#pump(generation);
	}

	async #pump(generation) {
		const s = this.session;
		try {
			while (this.generation === generation) {
				const window = Math.min(Math.max(WINDOW_S, 4 * this.rate), WINDOW_MAX_S);
				if (s.target === null && this.#ahead() > window) {
					await pause(100);
					continue;
				}
				if (!await this.#fetch(s, generation, window))
					await this.#noneThere(s, generation);
			}
		} catch (error) {
			if (error.name !== "AbortError" && this.generation === generation)
				this.#fail(error.message);
		}
	}

	/** Seconds that are buffered beyond the place. */
	#ahead() {
		const r = this.video.buffered;
		return r.length ? r.end(r.length - 1) - this.video.currentTime : 0;
	}

	async #get(stream, s, from, to) {
		this.abort = new AbortController();
		const answer = await request("GET", query(`/api/cameras/${encodeURIComponent(this.camera)}/play.mp4`, {
			stream, from: iso(Math.floor(from * 1000)), to: iso(Math.ceil(to * 1000)), epoch: iso(s.epoch * 1000),
		}), undefined, this.abort.signal);
		return {
			bytes: answer.status === 200 ? await answer.arrayBuffer() : null,
			next: Number(answer.headers.get("Pigtail-Next")), first: Number(answer.headers.get("Pigtail-First")),
			mime: answer.headers.get("Pigtail-Mime"), codec: answer.headers.get("Pigtail-Codec"),
		};
	}

	/** False: nothing new was there. */
	async #fetch(s, generation, window) {
		const from = s.next;
		const piece = await this.#get(this.stream, s, from, from + (s.window || window));
		if (this.generation !== generation)
			return true;
		if (!piece.bytes || piece.next <= from + 0.001)
			return false;
		if (!canPlay(piece.mime)) {
			this.generation++;
			this.on.unplayable?.(piece.codec, this.stream);
			return true;
		}
		// long groups of pictures are sent again with each window: fewer, larger windows then
		s.window = Math.min(WINDOW_MAX_S, Math.max(window, 2 * (from - piece.first)));
		s.queue ||= new BufferQueue(s.source, piece.mime, error => this.session === s && this.#fail(error.message));
		if (piece.mime !== s.queue.mime)
			await s.queue.changeType(piece.mime);
		if (s.sound && !await this.#fetchSound(s, generation, piece.next))
			return true;
		this.frames.add(frameTimes(piece.bytes));
		s.queue.append(piece.bytes);
		s.next = piece.next;
		await s.queue.settled();
		if (this.generation === generation) {
			await this.#arrive(s);
			this.#trim(s);
		}
		return true;
	}

	/** The sound to a piece of pictures. False: there is none, and the place begins anew without. */
	async #fetchSound(s, generation, to) {
		const piece = await this.#get("audio", s, s.sound.next, to);
		if (this.generation !== generation)
			return false;
		if (piece.bytes && canPlay(piece.mime)) {
			s.sound.queue ||= new BufferQueue(s.source, piece.mime, error => this.session === s && this.#fail(error.message));
			s.sound.queue.append(piece.bytes);
			s.sound.next = piece.next;
			return true;
		}
		if (!piece.bytes && s.sound.queue && to - s.sound.next < 3)
			return true; // at the newest, sound arrives a moment later
		this.on.silent?.(piece.bytes ? `this browser cannot play ${piece.codec}` : "no sound was recorded here");
		this.sound = false;
		this.open(this.camera, this.stream, s.target === null ? this.shown : s.target * 1000, this.wantsPlay);
		return false;
	}

	/** The first footage of a place is in: show it. */
	async #arrive(s) {
		if (s.target === null)
			return;
		const wanted = s.target - s.epoch;
		const t = this.frames.at(wanted) ? wanted : this.frames.after(wanted)?.at;
		if (t === undefined)
			return;
		if (t - wanted > 1)
			this.on.jumped?.(s.target * 1000, (t + s.epoch) * 1000);
		s.target = null;
		this.#place(t);
		if (this.wantsPlay)
			this.play();
		else
			this.#say("paused");
	}

	/** No footage from s.next on: go on where there is some again, or wait at the newest. */
	async #noneThere(s, generation) {
		const at = s.next * 1000;
		const line = await get(query("/api/timeline", {
			camera: this.camera, stream: this.stream, from: iso(at), to: iso(Math.max(at, Date.now()) + LOOK_MS)}));
		if (this.generation !== generation)
			return;
		const footage = line.cameras[this.camera]?.[this.stream]?.footage || [];
		const span = footage.find(([start, end]) => end > at + 1000);
		if (span && span[0] > at + 1) {
			s.next = span[0] / 1000;
			return;
		}
		if (s.target !== null)
			this.#say("none", footage.length ? "no footage from here on" : "nothing has been recorded from here on");
		else if (this.#ahead() < 0.2)
			this.#say("end", "this is the newest footage");
		await pause(700);
	}

	/** Backward, on one's last loaded frame: what lies before it. */
	async #fetchAround(t) {
		const s = this.session, generation = this.generation;
		const from = s.epoch + t - 3;
		const piece = await this.#get(this.stream, s, from, s.epoch + t + 0.001).catch(() => null);
		if (!piece?.bytes || this.generation !== generation || piece.mime !== s.queue.mime)
			return;
		this.frames.add(frameTimes(piece.bytes));
		s.queue.append(piece.bytes);
		await s.queue.settled();
	}

	#trim(s) {
		const before = this.video.currentTime - KEEP_S;
		if (before > 0 && s.queue.ranges.length && s.queue.ranges.start(0) < before - KEEP_S) {
			s.queue.remove(0, before);
			s.sound?.queue?.remove(0, before);
			this.frames.dropBefore(before);
		}
	}

	// ---- place ----

	/** Into the middle of the frame, so that rounding cannot show its neighbour. */
	#place(t) {
		const frame = this.frames.at(t);
		this.video.currentTime = frame ? frame.at + frame.lasts / 2 : t;
		this.#look();
	}

	#frameTime() {
		const t = this.video.currentTime;
		return this.frames.at(t)?.at ?? t;
	}

	#look() {
		const s = this.session, v = this.video;
		if (!s?.queue || s.target !== null)
			return;
		if (this.wantsPlay && !v.seeking)
			this.#jumpGap(s, v);
		this.on.time?.(this.shown);
		if (this.wantsPlay && !this.frameAsked && v.requestVideoFrameCallback) {
			this.frameAsked = true;
			v.requestVideoFrameCallback(() => {
				this.frameAsked = false;
				this.#look();
			});
		}
	}

	#jumpGap(s, v) {
		const range = s.queue.range(v.currentTime);
		if (range && range[1] - v.currentTime > 0.15)
			return;
		const next = s.queue.following(v.currentTime + 0.01);
		if (Number.isNaN(next))
			return;
		if (next - v.currentTime > 1)
			this.on.jumped?.(this.shown, (s.epoch + next) * 1000);
		this.#place(next);
	}

	#say(word, sentence) {
		if (this.session?.failed || (this.session?.target !== null && ["playing", "paused"].includes(word)))
			return;
		this.on.state?.(word, sentence);
	}

	#fail(sentence) {
		this.on.state?.("problem", sentence);
		if (this.session)
			this.session.failed = true;
		this.generation++;
	}
}
