// What the timeline knows: footage, gaps, events and kept spans of a stretch somewhat wider than what is seen, asked for anew
// when the view leaves it or comes closer.
// SPDX-License-Identifier: Apache-2.0
import {get, listen, query} from "../api.js";
import {now} from "../site.js";
import {gapKind} from "./gaps.js";

const EVENTS_MAX = 2000;
const iso = ms => new Date(Math.max(0, Math.round(ms))).toISOString();
const shown_topics = new Set(["input", "relay", "rule", "stream", "system", "archive", "talk"]);

export class TimelineData {
	/** changed(): draw again. */
	constructor(changed) {
		this.changed = changed;
		this.cameras = {};  // name → {main: {footage, fetched, other_quality, gaps}, …}
		this.events = [];   // oldest first: {ms, …}
		this.starts = [];   // of motion, among the events that one can go to
		this.motion = {};   // name → [[from, to]]; to undefined: it still moves
		this.kept = [];
		this.eventsFrom = -Infinity; // older ones than this were too many to ask for
		this.have = null;   // {from, to, span} of what was asked last
		this.error = null;
		this.loaded = false;
		this.fetching = this.waiting = false; // gaps of those that are seen
		this.ends = [listen((kind, event) => this.#heard(kind, event))];
	}

	close() {
		this.ends.forEach(end => end());
		clearTimeout(this.timer);
		this.closed = true;
	}

	/** Called with each view that is drawn. */
	want(view, cameras) {
		this.view = view;
		this.names = cameras.join(",");
		if (!cameras.length)
			return;
		const h = this.have;
		const fits = h && h.names === this.names && view.from >= h.from && view.from + view.span <= h.to &&
			view.span > h.span / 3 && view.span < h.span * 3;
		if (!fits)
			this.#soon(this.have ? 120 : 0);
		else if ((this.fetching || this.waiting) && !this.timer)
			this.#soon(this.fetching ? 600 : 1200);
		else if (view.from + view.span > h.asked && !this.timer)
			this.#soon(Math.min(Math.max(view.span / 500, 1000), 15000)); // now is seen: it grows
	}

	refresh() {
		this.have = null;
		if (this.view)
			this.#soon(0);
	}

	#soon(ms) {
		if (this.timer && ms >= this.delay)
			return;
		clearTimeout(this.timer);
		this.delay = ms;
		this.timer = setTimeout(() => {
			this.timer = 0;
			if (!this.closed && !document.hidden)
				this.#load();
			else if (!this.closed)
				this.#soon(1000);
		}, ms);
	}

	async #load() {
		if (this.loading)
			return this.#soon(150);
		this.loading = true;
		const {from, span} = this.view, names = this.names, asked = now();
		const a = from - span, b = from + 2 * span;
		try {
			const [line, log, kept] = await Promise.all([
				get(query("/api/timeline", {camera: names, from: iso(a), to: iso(b)})),
				get(query("/api/events", {since: iso(a), until: iso(b), limit: EVENTS_MAX})),
				get("/api/keep"),
			]);
			this.cameras = line.cameras;
			const gaps = Object.keys(line.cameras).flatMap(name => this.footage(name)?.gaps || []);
			this.fetching = gaps.some(gap => gapKind(gap) === "fetching");
			this.waiting = gaps.some(gap => gap.job === "found");
			const events = log.events.map(stamped).reverse();
			this.events = events.filter(e => shown_topics.has(e.topic));
			this.motion = {};
			this.starts = [];
			events.forEach(e => this.#moved(e));
			this.eventsFrom = log.more ? Date.parse(log.events[log.events.length - 1].time) : -Infinity;
			this.kept = kept.kept.map(k => ({...k, from: Date.parse(k.from), to: Date.parse(k.to)}));
			this.have = {from: a, to: b, span, names, asked};
			this.error = null;
			this.loaded = true;
		} catch (error) {
			this.error = error;
			this.#soon(3000);
		}
		this.loading = false;
		if (!this.closed)
			this.changed();
	}

	#heard(kind, event) {
		if (kind === "open" || kind === "skipped")
			return this.refresh();
		if (kind === "event" && event.late) // it belongs among the others
			return this.refresh();
		if (kind === "event" && this.have && event.topic === "motion") {
			this.#moved(stamped(event));
			return this.changed();
		}
		if (kind !== "event" || !shown_topics.has(event.topic) || !this.have)
			return;
		if (event.topic === "archive" || event.topic === "stream")
			this.#soon(200); // a gap has begun, ended, or was filled
		this.events.push(stamped(event));
		this.changed();
	}

	/** Spans of motion, from one event to the next of the same camera. */
	#moved(e) {
		if (e.topic !== "motion" || !e.source.startsWith("camera/"))
			return;
		if (e.state === "active" && !e.initial)
			this.starts.push(e);
		const spans = this.motion[e.source.slice(7)] ||= [], last = spans[spans.length - 1];
		const open = last && last[1] === undefined;
		if (e.state === "active" && !open)
			spans.push([e.ms, undefined]);
		else if (e.state !== "active" && open)
			last[1] = e.ms;
	}

	// ---- questions ----

	movedAt(name, ms, now) {
		return !!this.motion[name]?.some(([from, to = now]) => ms >= from && ms < to);
	}

	footage(name) {
		const c = this.cameras[name];
		return c ? c.main || c.sub : null;
	}

	gapAt(name, ms) {
		return this.footage(name)?.gaps.find(g => ms >= g.start && (!g.end || ms < g.end)) || null;
	}

	hasFootage(name, ms) {
		return !!this.footage(name)?.footage.some(([a, b]) => ms >= a && ms < b);
	}

	/** Where footage is from, in words; "": it was recorded live. */
	origin(name, ms) {
		const series = this.footage(name), holds = ([a, b]) => ms >= a && ms < b;
		if (!series?.fetched?.some(holds))
			return "";
		const other = series.other_quality?.find(holds);
		return `fetched from the camera's card later${other ? `, in another quality than what was recorded live: ${other[2]}×${other[3]}` : ""}`;
	}

	/** The next event after ms (1) or the one before (-1), initial states left out; of motion its beginning. */
	neighbour(ms, direction) {
		const real = [...this.events.filter(e => !e.initial), ...this.starts].sort((a, b) => a.ms - b.ms);
		return direction > 0 ? real.find(e => e.ms > ms + 500) : real.findLast(e => e.ms < ms - 1500);
	}
}

function stamped(event) {
	return {...event, ms: Date.parse(event.time)};
}
