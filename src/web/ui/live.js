// A camera live in an element: the WebSocket of doc/ref/live.md into Media Source Extensions, close to now.
// SPDX-License-Identifier: Apache-2.0
import {backoff, hangUp, socketUrl} from "./api.js";
import {BufferQueue, MediaSourceClass, canPlay, closeSource, openSource} from "./mse.js";

const HEAD = 16;
const INIT = 0, FRAGMENT = 1, JPEG = 2;
const ACK_BYTES = 128 * 1024, TICK_MS = 250;
const BEHIND_S = 0.3, FAR_S = 2; // chase from here on; jump from here on
const KEEP_S = 8;                // of what has been shown
const SILENCE_MS = 12000;

/** on: {state(word, sentence), time(captureMs), unplayable(codec), dropped(n)}; words: connecting, playing, waiting, still. */
export class LivePlayer {
	constructor(video, canvas, {camera, stream, sound = false}, on) {
		Object.assign(this, {video, canvas, camera, stream, sound, on});
		this.attempt = 0;
		this.running = false;
		this.word = "";
		this.onwaiting = () => { if (this.target < 0.3) this.target += 0.03; };
		this.onerror = () => this.#again(this.video.error?.message || "the browser's decoder failed");
	}

	start() {
		this.running = true;
		this.video.addEventListener("waiting", this.onwaiting);
		this.video.addEventListener("error", this.onerror);
		this.ticker = setInterval(() => this.#tick(), TICK_MS);
		this.#open();
	}

	stop() {
		this.running = false;
		clearInterval(this.ticker);
		clearTimeout(this.retry);
		this.video.removeEventListener("waiting", this.onwaiting);
		this.video.removeEventListener("error", this.onerror);
		this.#close();
	}

	/** Seconds between capture and what is shown now, by the site's clock; NaN when nothing is. */
	behind(now) { return this.shown ? (now - this.shown) / 1000 : NaN; }

	// ---- the socket ----

	#open() {
		this.received = this.acked = this.stuck = 0;
		this.epoch = NaN;
		this.tracks = new Map(); // id → description
		this.queues = new Map(); // id → BufferQueue
		this.early = [];         // messages from before the source was open
		this.source = null;
		this.target = 0.1;
		this.heard = performance.now();
		this.#say("connecting");
		const path = `/api/live/${encodeURIComponent(this.camera)}/${this.stream}${this.sound ? "?audio=1" : ""}`;
		const ws = this.ws = new WebSocket(socketUrl(path));
		ws.binaryType = "arraybuffer";
		ws.onmessage = message => this.ws === ws && this.#message(message.data);
		ws.onclose = () => { if (this.ws === ws) this.#again("the connection ended"); };
	}

	#close() {
		hangUp(this.ws);
		this.ws = null;
		this.source = null;
		this.queues?.clear();
		if (this.video.src)
			closeSource(this.video);
	}

	#again(why) {
		if (!this.running || this.retrying)
			return;
		this.#close();
		this.shown = 0;
		this.#say("connecting", why);
		this.retrying = true;
		this.retry = setTimeout(() => {
			this.retrying = false;
			if (this.running)
				this.#open();
		}, backoff(this.attempt++));
	}

	#message(data) {
		this.heard = performance.now();
		if (typeof data === "string") {
			this.received += new TextEncoder().encode(data).length;
			this.#told(JSON.parse(data));
			return;
		}
		this.received += data.byteLength;
		if (this.received - this.acked > ACK_BYTES)
			this.#ack();
		const head = new DataView(data, 0, HEAD);
		const id = head.getUint8(0), kind = head.getUint8(1), capture = Number(head.getBigUint64(8)) / 1000;
		if (kind === JPEG)
			this.#picture(data, capture);
		else
			this.#media(id, kind, new Uint8Array(data, HEAD));
	}

	#ack() {
		if (this.ws?.readyState === WebSocket.OPEN && this.received > this.acked)
			this.ws.send(`{"ack":${this.acked = this.received}}`);
	}

	#told(text) {
		if (text.dropped)
			this.on.dropped?.(text.dropped);
		if (!text.tracks)
			return;
		this.epoch = text.epoch_us / 1000;
		for (const track of text.tracks) {
			this.tracks.set(track.id, track);
			if (track.kind === "video" && track.codec.toLowerCase() !== "mjpeg" && !canPlay(track.mime)) {
				this.running && this.on.unplayable?.(track.codec);
				return;
			}
		}
		this.on.tracks?.(text.tracks);
	}

	// ---- pictures ----

	async #picture(data, capture) {
		if (this.decoding)
			return; // a slow phone skips pictures instead of falling behind
		this.decoding = true;
		try {
			const image = await createImageBitmap(new Blob([new Uint8Array(data, HEAD)], {type: "image/jpeg"}));
			if (this.canvas.width !== image.width || this.canvas.height !== image.height)
				Object.assign(this.canvas, {width: image.width, height: image.height});
			this.canvas.getContext("2d").drawImage(image, 0, 0);
			image.close();
			this.#playing("pictures");
			this.#show(capture);
		} catch { /* a broken picture: the next one comes */
		} finally {
			this.decoding = false;
		}
	}

	#media(id, kind, bytes) {
		this.early.push([id, kind, bytes]);
		if (!this.source && !this.opening)
			this.#openSource();
		else if (this.source)
			this.#drain();
	}

	async #openSource() {
		const ws = this.ws;
		if (!MediaSourceClass)
			return this.on.unplayable?.("this browser has no Media Source Extensions");
		this.opening = true;
		// browsers take new tracks only before the first data: sound gets a moment to show up
		for (let i = 0; this.sound && i < 20 && !this.#hasInit("audio"); i++)
			await new Promise(resolve => setTimeout(resolve, 100));
		const source = this.ws === ws ? await openSource(this.video) : null;
		this.opening = false;
		if (this.ws !== ws || !this.running)
			return;
		this.source = source;
		try {
			for (const [id, kind] of this.early)
				if (kind === INIT && !this.queues.has(id) && canPlay(this.tracks.get(id)?.mime))
					this.#addQueue(id);
		} catch (error) {
			return this.#again(error.message);
		}
		this.#watchFrames();
		this.#drain();
		this.video.play().catch(() => this.#say("waiting", "tap to play"));
	}

	#hasInit(kind) {
		return this.early.some(([id, what]) => what === INIT && this.tracks.get(id)?.kind === kind);
	}

	#addQueue(id) {
		const queue = new BufferQueue(this.source, this.tracks.get(id).mime, error => this.#again(error.message));
		queue.onadded = () => this.#chase();
		this.queues.set(id, queue);
	}

	#drain() {
		const all = this.early;
		this.early = [];
		for (const [id, kind, bytes] of all) {
			const queue = this.queues.get(id), track = this.tracks.get(id);
			if (!queue) // a track that showed up too late, or one that cannot be played
				continue;
			if (kind === INIT && track.mime !== queue.mime)
				queue.changeType(track.mime);
			queue.append(bytes);
		}
	}

	// ---- staying close to now ----

	get #edge() {
		const r = this.video.buffered;
		return r.length ? r.end(r.length - 1) : NaN;
	}

	#chase() {
		const v = this.video, r = v.buffered;
		if (!r.length || v.seeking)
			return;
		const start = r.start(r.length - 1), edge = this.#edge, behind = edge - v.currentTime;
		if (v.currentTime < start - 0.01 || behind > FAR_S || behind < -0.5) {
			v.currentTime = Math.max(start, edge - this.target);
			v.playbackRate = 1;
		} else if (behind > BEHIND_S + this.target) {
			v.playbackRate = 1.1;
		} else if (behind < this.target + 0.05) {
			v.playbackRate = 1;
		}
		if (v.paused && this.running && !document.hidden)
			v.play().catch(() => {});
	}

	#tick() {
		this.#ack();
		const v = this.video, now = performance.now();
		if (!this.ws || this.retrying)
			return;
		if (now - this.heard > SILENCE_MS)
			return this.#again("nothing has come for 12 s");
		for (const queue of this.queues.values())
			if (queue.ranges.length && v.currentTime - queue.ranges.start(0) > 2 * KEEP_S)
				queue.remove(0, v.currentTime - KEEP_S);
		this.#rescue(v, now);
	}

	/** There is something to show, yet the picture stands: jump, and if that does not help begin anew. */
	#rescue(v, now) {
		if (v.currentTime !== this.lastTime || !(this.#edge - v.currentTime > 0.5)) {
			this.lastTime = v.currentTime;
			this.movedAt = now;
			if (now - this.heard > 2000 && this.word === "playing")
				this.#say("waiting", "the camera sends nothing at the moment");
			return;
		}
		if (now - this.movedAt < 1500 || document.hidden)
			return;
		this.movedAt = now;
		if (++this.stuck > 3)
			this.#again("the picture stood still");
		else
			v.currentTime = this.#edge - this.target;
	}

	#watchFrames() {
		const v = this.video, source = this.source;
		const frame = (_, meta) => {
			if (this.source !== source)
				return;
			this.#playing("video");
			this.#show(this.epoch + meta.mediaTime * 1000);
			v.requestVideoFrameCallback(frame);
		};
		const time = () => {
			if (this.source !== source)
				return v.removeEventListener("timeupdate", time);
			if (v.readyState >= 2) {
				this.#playing("video");
				this.#show(this.epoch + v.currentTime * 1000);
			}
		};
		if (v.requestVideoFrameCallback)
			v.requestVideoFrameCallback(frame);
		else
			v.addEventListener("timeupdate", time);
	}

	#playing(surface) {
		this.canvas.hidden = surface !== "pictures";
		if (this.word !== "playing") {
			this.began = performance.now();
			this.#say("playing");
		} else if (this.attempt && performance.now() - this.began > 10000) {
			this.attempt = 0;
		}
	}

	#show(capture) {
		this.shown = capture;
		this.on.time?.(capture);
	}

	#say(word, sentence) {
		this.word = word;
		this.on.state?.(word, sentence);
	}
}
