// The timeline: footage of all cameras over time, and a player that follows it. The address holds camera, instant and zoom.
// SPDX-License-Identifier: Apache-2.0
import {empty, fill, h, icon, problem, say} from "../dom.js";
import * as format from "../format.js";
import {MediaSourceClass} from "../mse.js";
import {PiecePlayer} from "../pieces.js";
import {Player} from "../player.js";
import {go, replace} from "../router.js";
import {camera, every, now, site} from "../site.js";
import {spanWords} from "../timeline/scale.js";
import {gapWords} from "../timeline/gaps.js";
import {Timeline, eventWords} from "../timeline/timeline.js";
import {clipPanel} from "./clip.js";
import {transport} from "./transport.js";

export function mount(root, name, values) {
	if (!site.cameras.length) {
		fill(root, h("h1", null, "Timeline"), site.error ? problem(site.error) : empty("Nothing to see yet",
			"The timeline shows what cameras have recorded. Add one to the site file first:",
			h("pre", null, "cameras:\n  gate: { source: test:clock, record: always }")));
		return {leave() {}};
	}
	return new TimePage(root, name, values);
}

class TimePage {
	constructor(root, name, values) {
		this.camera = camera(name) ? name : site.cameras[0].name;
		this.stream = "main";
		this.#build(root);
		this.player = new (MediaSourceClass ? Player : PiecePlayer)(this.video, {
			time: ms => this.#shown(ms),
			state: (word, why) => this.#state(word, why),
			jumped: (from, to) => this.#jumped(from, to),
			unplayable: (codec, stream) => this.#unplayable(codec, stream),
			cannot: why => this.controls.tell(why),
			silent: why => { this.controls.setSound(false); this.controls.tell(why); },
		});
		this.keys = event => this.controls.key(event);
		document.addEventListener("keydown", this.keys);
		this.ends = [every(1000, () => { this.controls.setNow(now()); this.#explainGap(); })];
		this.timeline.setLanes(this.#lanes());
		this.#apply(values);
	}

	leave() {
		document.removeEventListener("keydown", this.keys);
		clearTimeout(this.urlTimer);
		this.ends.forEach(end => end());
		this.left = true;
		this.player.close();
		this.timeline.close();
	}

	/** The address changed while this page is open. */
	update(name, values) {
		if (!camera(name || this.camera))
			return false;
		this.camera = name || this.camera;
		this.#apply(values);
		return true;
	}

	#lanes() {
		return [this.camera, ...site.cameras.map(c => c.name).filter(n => n !== this.camera)].slice(0, 64);
	}

	#build(root) {
		this.video = h("video", {playsInline: true, "aria-label": "footage"});
		this.video.muted = true;
		this.note = h("p.tile-note", {role: "status"});
		this.time = h("time.big-time");
		this.fraction = h("span.fraction");
		this.date = h("span.big-date");
		this.word = h("span.player-word", {role: "status"});
		this.span = h("span.span-words");
		this.chooser = h("select", {"aria-label": "Camera", onchange: () => this.#choose(this.chooser.value)}, site.cameras.map(c => h("option", {value: c.name}, c.name)));
		this.timeline = new Timeline({
			place: (ms, name, ended) => this.#go(ms, name, ended),
			moved: () => this.#moved(),
			chosen: span => this.clip.show(span),
		});
		this.controls = transport(this);
		this.clip = clipPanel(this);
		fill(root, h("h1.hidden", null, "Timeline"),
			h("div.viewer", null, h("div.picture.single", null, this.video, this.note),
				h("div.panel", null,
					h("div.shown", null, this.chooser, h("div.when", null, this.date, h("span", null, this.time, this.fraction)), this.word),
					this.controls.element, this.clip.element)),
			h("div.zoom-bar", null, this.controls.zoom, this.span), this.timeline.element);
	}

	#apply({at, span}) {
		const ms = Date.parse(at || "");
		this.chooser.value = this.timeline.camera = this.camera;
		this.timeline.setLanes(this.#lanes());
		const size = Number(span) > 0 ? Number(span) * 1000 : 3600000;
		if (Number.isNaN(ms)) {
			// from now: a little before the newest, so that there is something to see
			this.timeline.show(now() - size * 0.4, size);
			this.#open(now() - 10000, false);
		} else {
			this.timeline.show(ms, size);
			this.#open(ms, false);
		}
		this.#moved();
	}

	#open(ms, play) {
		this.place = ms;
		this.controls.offerSound(camera(this.camera)?.may_listen);
		this.timeline.setPlace(ms, false);
		this.player.open(this.camera, this.stream, ms, play);
	}

	#choose(name) {
		const ms = this.place, playing = this.player.playing;
		this.camera = this.timeline.camera = this.chooser.value = name;
		this.stream = "main";
		this.timeline.setLanes(this.timeline.lanes); // lanes keep their order under the finger
		this.#open(ms, playing);
		this.#moved();
	}

	/** To an instant: of a tap (ended, plays on), or while scrubbing (stands still; at most a few a second). */
	#go(ms, name, ended) {
		ms = Math.min(ms, now() - 500);
		if (!ended) {
			this.wanted = ms;
			this.timeline.setPlace(ms, false);
			this.#say(ms);
			if (performance.now() - (this.scrubbed || 0) > 200) {
				this.scrubbed = performance.now();
				this.wasPlaying ??= this.player.playing;
				this.player.pause();
				this.player.seek(ms);
			}
			return;
		}
		const play = this.wasPlaying ?? true;
		this.wasPlaying = undefined;
		if (name && name !== this.camera) {
			this.camera = this.timeline.camera = this.chooser.value = name;
			this.#open(ms, play);
		} else {
			this.seek(ms, play);
		}
		this.#moved();
	}

	seek(ms, play = this.player.playing) {
		this.place = ms;
		this.timeline.setPlace(ms, true);
		this.player.wantsPlay = play;
		this.player.seek(ms);
		if (play)
			this.player.play();
		this.#moved();
	}

	goLive() { go("live", this.camera); }
	jumpTo(ms) {
		this.timeline.show(ms, this.timeline.view.span);
		this.seek(ms, this.player.playing);
	}

	neighbour(direction) {
		const event = this.timeline.data.neighbour(this.place, direction);
		if (!event)
			return this.controls.tell(direction > 0 ? "no later event in reach: zoom out to find one" : "no earlier event in reach: zoom out to find one");
		this.seek(event.ms);
		this.controls.tell(eventWords(event));
	}

	#shown(ms) {
		if (this.wasPlaying !== undefined || !Number.isFinite(ms))
			return;
		this.place = ms;
		this.timeline.setPlace(ms, this.player.playing);
		this.#say(ms);
		this.#moved();
	}

	#say(ms) {
		say(this.date, `${format.weekday(ms)} ${format.date(ms)}`);
		say(this.time, format.clock(ms));
		say(this.fraction, format.millis(ms));
		this.time.dataset.ms = String(ms);
	}

	#state(word, why) {
		this.controls.setPlaying(this.player?.playing);
		this.stateWord = word;
		const words = {loading: "loading …", playing: this.player?.rate === 1 ? "playing" : `playing ${this.player?.rate}×`, paused: "paused", end: "newest footage", none: "no footage", problem: "problem"};
		say(this.word, words[word] || word);
		this.word.dataset.word = word;
		if (["playing", "paused"].includes(word))
			say(this.note, "");
		else
			say(this.note, why || "");
		if (word === "none")
			this.#say(this.place);
		this.#explainGap();
	}

	/** Nothing to show here: the gap's reason says why. */
	#explainGap() {
		if (this.stateWord !== "none")
			return;
		const series = this.timeline.data.cameras[this.camera];
		if (this.stream === "main" && !series?.main?.footage.length && series?.sub?.footage.length) {
			this.stream = "sub"; // the only one that is recorded
			this.player.open(this.camera, "sub", this.place, this.player.playing);
			return;
		}
		const gap = this.timeline.data.gapAt(this.camera, this.place);
		if (gap)
			say(this.note, gapWords(this.camera, gap, camera(this.camera)?.onvif));
	}

	#jumped(from, to) {
		const gap = this.timeline.data.gapAt(this.camera, from + 1) || this.timeline.data.gapAt(this.camera, (from + to) / 2);
		this.controls.tell(`skipped ${format.duration(to - from)} without footage${gap ? ": " + gap.reason : ""}`);
	}

	#unplayable(codec, stream) {
		if (stream === "main" && this.timeline.data.cameras[this.camera]?.sub) {
			this.stream = "sub";
			this.controls.tell(`this browser cannot play ${codec}: the sub stream is shown`);
			this.player.open(this.camera, "sub", this.place, this.player.playing);
			return;
		}
		this.#state("problem", `this browser cannot play ${codec}: mark a span and save it as MP4, or record a sub stream in H.264`);
	}

	#moved() {
		say(this.span, `${spanWords(this.timeline.view.span)} shown`);
		if (this.urlTimer)
			return;
		this.urlTimer = setTimeout(() => {
			this.urlTimer = 0;
			if (!this.left && Number.isFinite(this.place))
				replace("time", this.camera, {at: new Date(Math.round(this.place)).toISOString(), span: String(Math.round(this.timeline.view.span / 100) / 10)});
		}, 400);
	}
}
