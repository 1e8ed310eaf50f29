// A camera's picture in a box: poster first, then live, and words for whatever keeps it from being live.
// SPDX-License-Identifier: Apache-2.0
import {fill, h, icon, say, state} from "./dom.js";
import * as format from "./format.js";
import {HlsPlayer, needsHls} from "./hls.js";
import {LivePlayer} from "./live.js";
import {camera, now, stateOf, video} from "./site.js";

/** stream: which one is wanted, "main" or "sub". on.time(captureMs), on.stream(name, why), on.tracks(list) are optional. */
export class Tile {
	constructor(name, wanted, on = {}) {
		Object.assign(this, {name, wanted, on, sound: false});
		this.video = h("video", {muted: true, playsInline: true, "aria-label": `camera ${name}, live`});
		this.video.muted = true;
		this.canvas = h("canvas", {hidden: true});
		this.poster = h("img.poster", {alt: "", onload: () => this.poster.classList.add("seen")});
		this.note = h("p.tile-note");
		this.badge = h("span.badge");
		this.element = h("div.picture", null, this.poster, this.video, this.canvas, this.note);
		this.update();
	}

	get stream() { return camera(this.name)?.streams[this.wanted] ? this.wanted : this.wanted === "main" ? "sub" : "main"; }

	start(stream = this.stream) {
		if (this.player)
			return;
		const width = Math.min(1280, Math.max(320, Math.round(this.element.clientWidth * (devicePixelRatio || 1))));
		const track = video(camera(this.name)?.streams[stream]);
		if (track) // else there has been no picture yet
			this.poster.src = `/api/cameras/${encodeURIComponent(this.name)}/snapshot.jpg?stream=${stream}&width=${width}`;
		this.poster.onerror = () => this.poster.removeAttribute("src");
		this.playing = stream;
		const Kind = needsHls(this.video) && track?.codec.toLowerCase() !== "mjpeg" ? HlsPlayer : LivePlayer;
		this.player = new Kind(this.video, this.canvas, {camera: this.name, stream, sound: this.sound, codec: track?.codec}, {
			state: (word, why) => this.#said(word, why),
			time: ms => this.on.time?.(ms),
			tracks: tracks => this.on.tracks?.(tracks),
			unplayable: codec => this.#fallBack(codec),
			dropped: n => { this.dropped = n; },
		});
		this.player.start();
		this.on.stream?.(stream, this.why || "");
	}

	stop() {
		this.player?.stop();
		this.player = null;
		clearInterval(this.stills);
		this.element.classList.remove("playing");
	}

	setSound(on) {
		this.stop();
		this.sound = on;
		this.video.muted = !on;
		this.start();
	}

	/** News of the camera: its state, and why it is lost. */
	update() {
		const c = camera(this.name), word = c ? stateOf(c) : "unknown";
		const stream = c?.streams.main || c?.streams.sub;
		fill(this.badge, state(word));
		this.badge.title = stream?.since ? `since ${format.stamp(Date.parse(stream.since))}` : "";
		this.element.classList.toggle("lost", word === "lost");
		if (word === "lost" || word === "connecting")
			say(this.note, `${word === "lost" ? "Lost" : "Connecting"}${stream.since ? " since " + format.clock(Date.parse(stream.since)) : ""}${stream.reason ? ": " + stream.reason : ""}`);
		else
			say(this.note, this.sentence || "");
	}

	#said(word, why) {
		this.element.classList.toggle("playing", word === "playing");
		this.sentence = word === "playing" ? "" : why || "";
		this.update();
	}

	/** What the browser cannot play: the other stream when it can be, else a picture every second. */
	#fallBack(codec) {
		const was = this.playing, c = camera(this.name), other = was === "main" ? "sub" : "main";
		this.stop();
		this.why = `this browser cannot play ${codec}`;
		if (was === this.stream && video(c?.streams[other])) {
			this.why += `: the ${other} stream is shown`;
			this.start(other);
			return;
		}
		this.why += ": still pictures, one a second";
		this.on.stream?.(was, this.why);
		this.sentence = this.why;
		this.update();
		const url = `/api/cameras/${encodeURIComponent(this.name)}/snapshot.jpg?stream=${was}&width=1280&t=`;
		this.stills = setInterval(() => { if (!document.hidden) this.poster.src = url + Math.floor(now()); }, 1000);
	}
}

/** "1280 × 720 · H264 · 15.0 fps · 2.0 Mbit/s" */
export function streamWords(stream) {
	const t = video(stream);
	if (!t)
		return stream?.reason || "no picture yet";
	return [t.width ? `${t.width} × ${t.height}` : "", t.codec.toUpperCase(), `${t.fps.toFixed(1)} fps`, format.bitrate(t.bitrate)].filter(Boolean).join(" · ");
}

export const soundIcon = on => icon(on ? "sound" : "mute");
