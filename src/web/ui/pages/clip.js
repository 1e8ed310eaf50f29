// A span chosen on the timeline: save it as MP4, keep it from being deleted; and the list of what is kept.
// SPDX-License-Identifier: Apache-2.0
import {del, get, post, query} from "../api.js";
import {fill, h, icon, problem, say} from "../dom.js";
import * as format from "../format.js";
import {link} from "../router.js";
import {mayOperate} from "../site.js";

const DAY = 86400000;
const iso = ms => new Date(Math.round(ms)).toISOString();

/** page: the TimePage (camera, place, timeline). */
export function clipPanel(page) {
	const words = h("p.span-facts"), trouble = h("div"), kept = h("ul.kept");
	const save = h("a.button.primary", {download: "", data: {do: "save"}}, icon("save"), h("span", null, "Save MP4"));
	const exact = h("input", {type: "checkbox", onchange: () => show(page.timeline.chosen)});
	const why = h("input", {placeholder: "why, e.g. police report 4711", maxLength: 200});
	const until = h("select", {"aria-label": "Keep how long"}, [["until released", 0], ["30 days", 30], ["90 days", 90], ["1 year", 366]].map(([t, n]) => h("option", {value: String(n)}, t)));
	const chosen = h("div.chosen", {hidden: true}, words,
		h("div.row", null, save, h("label.check", null, exact, "nothing before the start (re-encodes the first second or so)"),
			h("button.quiet", {type: "button", onclick: () => page.timeline.choose(null)}, "Clear")),
		h("form.keep", {onsubmit: keep}, h("label", null, "Keep from deletion", why), until, h("button", {type: "submit"}, icon("kept"), h("span", null, "Keep"))), trouble);
	const start = h("button", {type: "button", title: "Span begins here ([)", data: {do: "from"}, onclick: () => mark("from")}, "Span begins here");
	const end = h("button", {type: "button", title: "Span ends here (])", data: {do: "to"}, onclick: () => mark("to")}, "… ends here");
	const list = h("details.kept-box", {ontoggle() { if (list.open) refresh(); }}, h("summary", null, "Kept spans"), kept);
	let sides = {};

	/** One end at what is shown now; with both there is a span. */
	function mark(side) {
		sides = {...(page.timeline.chosen || sides), [side]: page.place};
		if (sides.from < sides.to)
			page.timeline.choose({...sides});
		else if (sides.from >= sides.to)
			page.controls.tell("the end has to be later than the beginning");
		else
			page.controls.tell(side === "from" ? `span begins at ${format.exact(page.place)}: now mark its end` : `span ends at ${format.exact(page.place)}: now mark its beginning`);
	}

	function show(span) {
		chosen.hidden = !span;
		if (!span)
			return void (sides = {});
		say(words, `${page.camera}: ${format.exact(span.from)} to ${format.date(span.to) === format.date(span.from) ? format.clock(span.to) + format.millis(span.to) : format.exact(span.to)}, ${format.duration(span.to - span.from)}`);
		save.href = query(`/api/cameras/${encodeURIComponent(page.camera)}/clip.mp4`, {from: iso(span.from), to: iso(span.to), exact: exact.checked ? "1" : ""});
		save.setAttribute("download", `${page.camera} ${format.stamp(span.from).replaceAll(":", "-")}.mp4`);
	}

	async function keep(event) {
		event.preventDefault();
		const span = page.timeline.chosen, days = Number(until.value);
		try {
			await post("/api/keep", {camera: page.camera, from: iso(span.from), to: iso(span.to), why: why.value, ...(days ? {until: iso(Date.now() + days * DAY)} : {})});
			fill(trouble);
			page.timeline.choose(null);
			page.timeline.data.refresh();
			page.controls.tell("kept: retention will not delete this footage");
			list.open = true;
			refresh();
		} catch (error) {
			fill(trouble, problem(error));
		}
	}

	async function refresh() {
		try {
			const answer = await get("/api/keep");
			fill(kept, answer.kept.length ? answer.kept.map(row) : h("li", null, mayOperate() ? "Nothing is kept. Mark a span on the timeline, then press Keep." : "Nothing is kept."));
		} catch (error) {
			fill(kept, h("li", null, problem(error)));
		}
	}

	function row(k) {
		const from = Date.parse(k.from), to = Date.parse(k.to), note = h("span");
		return h("li", null, h("a", {href: link("time", k.camera, {at: k.from, span: Math.max(60, (to - from) / 500)})}, `${k.camera} ${format.stamp(from)}`),
			` for ${format.duration(to - from)}, by ${k.who}${k.why ? ": " + k.why : ""}${k.until ? `, until ${format.stamp(Date.parse(k.until))}` : ", until released"} `,
			mayOperate() && h("button.quiet", {type: "button", onclick: () => release(k, note)}, "Release"), note);
	}

	async function release(k, note) {
		if (!confirm(`Release ${k.camera} ${format.stamp(Date.parse(k.from))}? Retention may delete it then.`))
			return;
		try {
			await del("/api/keep/" + k.id);
			page.timeline.data.refresh();
			refresh();
		} catch (error) {
			fill(note, problem(error));
		}
	}

	return {element: h("div.clip", null, mayOperate() && h("div.row", null, icon("span"), start, end), chosen, list), show, mark: side => mayOperate() && mark(side)};
}
