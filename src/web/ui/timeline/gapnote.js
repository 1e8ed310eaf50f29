// The gap that was tapped: what it is, what becomes of it, and a button that has it fetched now. Follows what happens to it.
// SPDX-License-Identifier: Apache-2.0
import {post} from "../api.js";
import {fill, h, icon, problem, say, state} from "../dom.js";
import * as format from "../format.js";
import {actButton} from "../hold.js";
import {camera, mayOperate} from "../site.js";
import {canFetch, gapState, gapWords} from "./gaps.js";

/** Asks for what is missing of a camera in a span of milliseconds; says how many gaps that are. */
export async function fetchNow(name, from, to) {
	const {gaps} = await post("/api/backfill", {camera: name, from: new Date(Math.floor(from)).toISOString(), to: new Date(Math.ceil(to)).toISOString()});
	return gaps ? `${gaps} ${gaps === 1 ? "gap is" : "gaps are"} asked for` : "nothing that can be fetched is missing there any more";
}

export class GapNote {
	/** asked(): something was asked for, look again. */
	constructor(asked) {
		this.asked = asked;
		this.state = h("span");
		this.words = h("span");
		this.told = h("p.gap-told", {role: "status"});
		this.trouble = h("div");
		this.button = actButton("Fetch now", () => this.#fetch(), {about: "what is missing here"});
		const close = h("button.quiet.gap-close", {"aria-label": "close", onclick: () => this.hide()}, icon("cross"));
		this.element = h("section.gap-note", {hidden: true, "aria-label": "Gap"}, h("p", null, this.state, " ", this.words), this.button, close, this.told, this.trouble);
	}

	hide() {
		this.gap = null;
		this.element.hidden = true;
	}

	show(name, gap) {
		this.name = name;
		fill(this.trouble);
		say(this.told, "");
		this.#put(gap);
		this.element.hidden = false;
	}

	/** The data has changed: the gap may have shrunk, or be gone. */
	follow(data) {
		if (!this.gap)
			return;
		const {start, end} = this.gap, last = end ?? start + 1;
		const now = data.footage(this.name)?.gaps.find(g => g.start < last && (g.end ?? Infinity) > start);
		if (now)
			return this.#put(now);
		if (!data.hasFootage(this.name, (start + last) / 2))
			return; // it lies outside of what was asked for
		fill(this.state, state("filled", "filled"));
		say(this.words, `${this.name}: ${format.stamp(start)} to ${format.clock(last)} is there now`);
		this.element.dataset.state = "filled";
		this.button.hidden = true;
	}

	#put(gap) {
		const onvif = camera(this.name)?.onvif, [word, kind] = gapState(gap, onvif);
		this.gap = gap;
		if (this.element.dataset.state !== word)
			fill(this.state, state(word, kind));
		this.element.dataset.state = word;
		say(this.words, gapWords(this.name, gap, onvif));
		this.button.hidden = !mayOperate() || !canFetch(gap, onvif);
	}

	async #fetch() {
		fill(this.trouble);
		try {
			say(this.told, await fetchNow(this.name, this.gap.start, this.gap.end));
			this.asked();
		} catch (error) {
			fill(this.trouble, problem(error));
		}
	}
}
