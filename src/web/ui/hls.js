// A camera live in an element by the browser's own HLS player, where there are no Media Source Extensions (iPhones before
// iOS 17.1). The same face as live.js, some seconds later.
// SPDX-License-Identifier: Apache-2.0
import {backoff, request} from "./api.js";
import {MediaSourceClass, closeSource} from "./mse.js";

const TICK_MS = 1000, STANDS_MS = 15000, FIRST_MS = 45000;
const ATTEMPTS = 3; // in vain, although the server sends: this browser cannot play it

export const needsHls = video => !MediaSourceClass && !!video.canPlayType("application/vnd.apple.mpegurl");

export class HlsPlayer {
	constructor(video, canvas, {camera, stream, sound = false, codec = "this stream"}, on) {
		Object.assign(this, {video, codec, on});
		canvas.hidden = true;
		this.url = `/api/live/${encodeURIComponent(camera)}/${stream}/index.m3u8${sound ? "?audio=1" : ""}`;
		this.attempt = this.vain = 0;
		this.listeners = {
			playing: () => { this.vain = 0; this.#say("playing"); },
			waiting: () => this.word === "playing" && this.#say("waiting", "waiting for more"),
			timeupdate: () => this.#look(),
			ended: () => this.#again("the live view ended"),
			error: () => this.#ask(video.error?.message || "the browser's player failed"),
		};
	}

	start() {
		this.running = true;
		for (const [name, fn] of Object.entries(this.listeners))
			this.video.addEventListener(name, fn);
		this.ticker = setInterval(() => this.#tick(), TICK_MS);
		this.#open();
	}

	stop() {
		this.running = false;
		clearInterval(this.ticker);
		clearTimeout(this.retry);
		for (const [name, fn] of Object.entries(this.listeners))
			this.video.removeEventListener(name, fn);
		closeSource(this.video);
	}

	/** Seconds between capture and what is shown now; NaN when the browser does not tell. */
	behind(now) { return this.shown ? (now - this.shown) / 1000 : NaN; }

	#open() {
		this.shown = 0;
		this.retry = 0;
		this.movedAt = performance.now();
		this.place = -1;
		this.#say("connecting");
		this.video.src = this.url;
		this.#play();
	}

	#play() {
		this.video.play().catch(error => error.name === "NotAllowedError" && this.#say("waiting", "tap to play"));
	}

	/** The element says that it failed, but not why: the server does. */
	async #ask(why) {
		if (!this.running || this.retry)
			return;
		this.#again(why);
		try {
			await request("GET", this.url);
			if (++this.vain >= ATTEMPTS && this.running)
				this.on.unplayable?.(this.codec);
		} catch (error) {
			if (!this.running)
				return;
			if (error.status === 501)
				this.on.unplayable?.(this.codec);
			else if (this.retry)
				this.#say("connecting", error.message);
		}
	}

	#again(why) {
		if (!this.running || this.retry)
			return;
		closeSource(this.video);
		this.shown = 0;
		this.#say("connecting", why);
		this.retry = setTimeout(() => this.running && this.#open(), backoff(this.attempt++));
	}

	#tick() {
		const v = this.video, now = performance.now();
		if (this.retry || document.hidden) {
			this.movedAt = now;
			return;
		}
		if (v.paused)
			this.#play();
		if (v.currentTime !== this.place) {
			if (this.place >= 0 && this.word === "playing")
				this.attempt = 0;
			this.place = v.currentTime;
			this.movedAt = now;
		} else if (now - this.movedAt > (this.place > 0 ? STANDS_MS : FIRST_MS)) {
			this.#ask("the picture stood still");
		}
	}

	/** EXT-X-PROGRAM-DATE-TIME, for browsers that pass it on. */
	#look() {
		const zero = this.video.getStartDate?.().getTime();
		if (!Number.isFinite(zero) || this.video.readyState < 2)
			return;
		this.shown = zero + this.video.currentTime * 1000;
		this.on.time?.(this.shown);
	}

	#say(word, sentence) {
		this.word = word;
		this.on.state?.(word, sentence);
	}
}
