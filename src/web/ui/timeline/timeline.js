// The timeline as an element: canvas, data, gestures and the words that explain what is under the pointer.
// SPDX-License-Identifier: Apache-2.0
import {h, say} from "../dom.js";
import * as format from "../format.js";
import {link} from "../router.js";
import {camera, now} from "../site.js";
import {TimelineData} from "./data.js";
import {EVENTS, LANE, RULER, clusters, colours, draw, heightFor, laneTop, swatch} from "./draw.js";
import {GapNote} from "./gapnote.js";
import {gapWords} from "./gaps.js";
import {gestures} from "./gestures.js";
import {kinds} from "./patterns.js";
import {clampSpan, toMs, toX, zoomed} from "./scale.js";

const GRIP = 14; // pixels around a handle
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Timeline {
	/** on: {place(ms, camera, ended), moved(), chosen(span)} */
	constructor(on) {
		this.on = on;
		this.canvas = h("canvas.timeline", {tabindex: "0", role: "application",
			"aria-label": "Timeline. Arrow keys move, plus and minus zoom, Enter plays from the middle."});
		this.words = h("p.timeline-words", {role: "status"});
		this.data = new TimelineData(() => { this.note.follow(this.data); this.redraw(); });
		this.note = new GapNote(() => this.data.refresh());
		this.legend = Object.keys(kinds).map(kind => h("canvas", {data: {kind}, "aria-hidden": "true"}));
		this.element = h("div.timeline-box", null, this.canvas, this.note.element, this.words,
			h("ul.legend", {"aria-label": "What the patterns mean"}, this.legend.map(c => h("li", null, c, kinds[c.dataset.kind])),
				h("li", null, h("a", {href: link("gaps")}, "All gaps"))));
		this.view = {from: now() - 3000000, span: 3600000, width: 300};
		this.lanes = [];
		this.camera = "";
		this.place = NaN;
		this.chosen = null;
		this.observer = new ResizeObserver(([entry]) => {
			this.view.width = Math.max(entry.contentRect.width, 50);
			this.redraw();
		});
		this.observer.observe(this.canvas);
		this.scheme = matchMedia("(prefers-color-scheme: dark)");
		this.onscheme = () => { this.c = null; this.redraw(); };
		this.scheme.addEventListener("change", this.onscheme);
		this.#gestures();
		this.timer = setInterval(() => this.redraw(), 1000);
	}

	close() {
		clearInterval(this.timer);
		clearTimeout(this.moving);
		this.observer.disconnect();
		this.scheme.removeEventListener("change", this.onscheme);
		this.data.close();
	}

	setLanes(names) {
		this.lanes = names;
		this.canvas.style.height = heightFor(names.length) + "px";
		this.redraw();
	}

	/** The instant in the middle and how much is seen, ms. */
	show(middle, span) {
		this.view.span = clampSpan(span);
		this.view.from = middle - this.view.span / 2;
		this.redraw();
	}

	get middle() { return this.view.from + this.view.span / 2; }

	/** around: an instant that stays where it is; absent: the place, and what happens now stays in sight beside it. */
	zoom(factor, around) {
		const anchor = around ?? this.#anchor(), ms = now(), seen = toX(this.view, ms) <= this.view.width;
		this.view = zoomed(this.view, factor, anchor);
		const latest = ms - this.view.span * 0.92;
		if (around === undefined && seen && this.view.from < latest && anchor > latest)
			this.view.from = latest;
		this.on.moved();
		this.redraw();
	}

	pan(share) {
		this.view.from += this.view.span * share;
		this.on.moved();
		this.redraw();
	}

	/** The place is what is shown; the view turns over when it leaves. */
	setPlace(ms, follow) {
		this.place = ms;
		const x = toX(this.view, ms);
		if (follow && (x > this.view.width * 0.95 || x < 0)) {
			this.view.from = ms - this.view.span * (x < 0 ? 0.5 : 0.15);
			this.on.moved();
		}
		this.redraw();
	}

	choose(span) {
		this.chosen = span;
		this.on.chosen(span);
		this.redraw();
	}

	redraw() {
		if (this.scheduled)
			return;
		this.scheduled = true;
		requestAnimationFrame(() => {
			this.scheduled = false;
			if (!this.canvas.isConnected)
				return;
			this.data.want(this.view, this.lanes);
			if (!this.c) {
				this.c = colours(this.element);
				this.legend.forEach(canvas => swatch(canvas, this.c, canvas.dataset.kind));
			}
			Object.assign(this.canvas.dataset, {from: this.view.from, span: this.view.span}); // what is seen, for who asks from outside
			const moves = this.data.fetching && !still.matches;
			draw(this.canvas, {view: this.view, c: this.c, data: this.data, lanes: this.lanes, camera: this.camera,
				place: this.place, chosen: this.chosen, now: now(), shift: moves ? performance.now() / 60 : 0});
			if (moves)
				this.moving ||= setTimeout(() => { this.moving = 0; this.redraw(); }, 80);
		});
	}

	#anchor() {
		const x = toX(this.view, this.place);
		return x >= 0 && x <= this.view.width ? this.place : this.middle;
	}

	#gestures() {
		const ms = x => toMs(this.view, x);
		gestures(this.canvas, {
			pan: dx => this.pan(-dx / this.view.width),
			zoom: (factor, x) => this.zoom(factor, ms(x)),
			tap: (x, y) => this.#tap(x, y),
			scrub: (x, ended) => this.on.place(ms(x), this.camera, ended),
			choose: (a, b) => this.choose({from: ms(Math.min(a, b)), to: ms(Math.max(a, b))}),
			grip: x => this.#grip(x),
			drag: (grip, x) => this.#drag(grip, ms(x)),
			hover: (x, y) => this.#explain(x, y),
			leave: () => say(this.words, ""),
		});
	}

	#grip(x) {
		if (!this.chosen?.to)
			return null;
		return ["from", "to"].find(side => Math.abs(toX(this.view, this.chosen[side]) - x) < GRIP / 2) || null;
	}

	#drag(grip, ms) {
		const span = {...this.chosen, [grip]: ms};
		if (span.to > span.from)
			this.choose(span);
	}

	#lane(y) {
		const i = Math.floor((y - laneTop(0)) / LANE);
		return this.lanes[i] || "";
	}

	/** The gap under the pointer, when no footage is. */
	#gap(x, y) {
		const ms = toMs(this.view, x), name = this.#lane(y), slack = 3 / this.view.width * this.view.span;
		if (!name || this.data.hasFootage(name, ms))
			return null;
		return this.data.gapAt(name, ms) || this.data.gapAt(name, ms + slack) || this.data.gapAt(name, ms - slack);
	}

	#tap(x, y) {
		this.#explain(x, y);
		const gap = this.#gap(x, y);
		if (gap) {
			this.note.show(this.#lane(y), gap);
			say(this.words, "");
		} else {
			this.note.hide();
		}
		if (y >= RULER && y < RULER + EVENTS) {
			const hit = clusters(this.view, this.data.events).find(c => Math.abs(c.x - x) < 16);
			if (hit)
				return this.on.place(hit.events[0].ms, this.camera, true);
		}
		this.on.place(toMs(this.view, x), this.#lane(y) || this.camera, true);
	}

	/** What is under the pointer, in words: the gap's reason, the events, who keeps it. */
	#explain(x, y) {
		const ms = toMs(this.view, x), name = this.#lane(y);
		let words = format.stamp(ms);
		if (y >= RULER && y < RULER + EVENTS) {
			const hit = clusters(this.view, this.data.events).find(c => Math.abs(c.x - x) < 12);
			if (hit)
				words = hit.events.slice(0, 4).map(eventWords).join("  ·  ") + (hit.events.length > 4 ? `  · and ${hit.events.length - 4} more` : "");
		} else if (name) {
			const gap = this.#gap(x, y);
			const kept = this.data.kept.find(k => k.camera === name && ms >= k.from && ms < k.to);
			if (gap)
				words = gapWords(name, gap, camera(name)?.onvif);
			else if (!this.data.hasFootage(name, ms))
				words += `  ·  ${name}: no footage`;
			else
				words += `  ·  ${[name, this.data.origin(name, ms)].filter(Boolean).join(": ")}`;
			if (this.data.movedAt(name, ms, now()))
				words += "  ·  motion";
			if (kept)
				words += `  ·  kept by ${kept.who}${kept.why ? ": " + kept.why : ""}`;
		}
		say(this.words, words);
	}
}

export function eventWords(e) {
	return `${format.clock(e.ms)} ${e.source} ${e.state}${e.actor ? " by " + e.actor : ""}${e.detail ? ": " + e.detail : ""}`;
}
