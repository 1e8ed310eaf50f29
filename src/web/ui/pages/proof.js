// Proof of recording: of a span and of cameras what share is there, where it is from, what is missing and why. To be printed.
// SPDX-License-Identifier: Apache-2.0
import {get, query} from "../api.js";
import {empty, fill, h, icon, problem, state} from "../dom.js";
import * as format from "../format.js";
import {link, replace} from "../router.js";
import {now, site} from "../site.js";
import {causes, fate, gapState} from "../timeline/gaps.js";
import {table} from "./table.js";

const DAY = 86400000;
/** Never more than is there: 99.9996 % is not 100. Nothing of a time when it was not there yet. */
const share = s => s === undefined ? "–" : `${s >= 1 ? "100" : (Math.floor(s * 100000) / 1000).toFixed(3)} %`;
const length = s => s ? format.duration(s * 1000) : "–";
const midnight = ms => format.fromLocal(format.date(ms) + "T00:00:00");
const presets = {
	"last 24 hours": () => [now() - DAY, now()],
	today: () => [midnight(now()), now()],
	yesterday: () => [midnight(midnight(now()) - DAY / 2), midnight(now())],
	"last 7 days": () => [now() - 7 * DAY, now()],
	"last 30 days": () => [now() - 30 * DAY, now()],
};

function summary(series, from) {
	return table("What is there", ["Camera / stream", "There", "Recorded live", "Fetched from the card", "Missing", "Not recorded"], series.map(s => [
		`${s.camera} / ${s.stream}`, h("b", null, share(s.share)), length(s.live),
		h("span", null, length(s.fetched), s.other_quality ? h("span.part", null, `of it ${length(s.other_quality)} in another quality`) : null),
		h("span", null, Object.keys(s.missing).length ? Object.entries(s.missing).map(([cause, seconds]) => h("span.part", null, `${length(seconds)} ${causes[cause] || cause}`)) : "nothing"),
		h("span", null, length(s.not_recorded), s.since && Date.parse(s.since) > from ? h("span.part", null, `counts from ${format.stamp(Date.parse(s.since))}`) : null)]));
}

function gapTable(s, onvif) {
	return table(`${s.camera} / ${s.stream}: what is missing`, ["From", "To", "Length", "State", "Cause", "Reason"], s.gaps.map(g => {
		const [word, kind] = gapState(g, onvif);
		return [format.exact(Date.parse(g.start)), format.exact(Date.parse(g.end)), length(g.seconds), state(word, kind), causes[g.cause] || g.cause,
			`${g.reason}; ${fate({...g, end: Date.parse(g.end)}, onvif)}`];
	}));
}

/** A sheet of its own: who reads it knows of what place, time and zone it speaks. */
function sheet(p, names) {
	const whole = p.series.filter(s => !s.gaps.length && s.share >= 1).length;
	return h("article.proof", null, h("header", null, h("h2", null, `Proof of recording: ${site.name}`),
		h("dl", null, h("dt", null, "Span"), h("dd", null, `${format.stamp(Date.parse(p.from))} – ${format.stamp(Date.parse(p.to))}, ${format.duration(Date.parse(p.to) - Date.parse(p.from))}`),
			h("dt", null, "Cameras"), h("dd", null, names.length ? names.join(", ") : "all that are seen by this user"),
			h("dt", null, "Times in"), h("dd", null, format.zoneName()),
			h("dt", null, "Made"), h("dd.made", null, `${format.stamp(Date.parse(p.made))} by ${site.me.user}`))),
	p.series.length ? [
		h("p", null, `${whole} of ${p.series.length} streams are whole. “Not recorded” is neither footage nor a gap: before the first footage, or deleted as old. What was before the first footage does not count.`),
		summary(p.series, Date.parse(p.from)), p.series.filter(s => s.gaps.length).map(s => gapTable(s, site.cameras.find(c => c.name === s.camera)?.onvif))]
		: empty("Nothing has been recorded", "No camera of this choice has ever recorded anything."));
}

export function mount(root, name, values) {
	const from = h("input", {type: "datetime-local", step: "1", required: true}), to = h("input", {type: "datetime-local", step: "1", required: true});
	const boxes = site.cameras.map(c => h("input", {type: "checkbox", value: c.name}));
	const out = h("div"), print = h("button", {type: "button", hidden: true, onclick: () => window.print()}, icon("print"), h("span", null, "Print"));
	let left = false, asked = 0;
	const chosen = () => boxes.filter(b => b.checked).map(b => b.value);
	const iso = input => new Date(format.fromLocal(input.value)).toISOString();
	const put = (a, b) => { from.value = format.forInput(a); to.value = format.forInput(b); };
	const form = h("form.proof-form.no-print", {onsubmit: event => { event.preventDefault(); changed(); }},
		h("div.row", null, Object.entries(presets).map(([words, make]) => h("button.quiet", {type: "button", onclick: () => { put(...make()); changed(); }}, words))),
		h("div.fields", null, h("label", null, h("span", null, "From"), from), h("label", null, h("span", null, "To"), to)),
		h("fieldset", null, h("legend", null, "Cameras (none: all)"), boxes.map(b => h("label.check", null, b, b.value))),
		h("div.row", null, h("button.primary", {}, "Make"), print));
	fill(root, h("div.bar.no-print", null, h("h1", null, "Proof of recording"), h("a.button.quiet", {href: link("gaps")}, icon("gap"), h("span", null, "Gaps"))), form, out);
	set(values);

	function set(v) {
		const [a, b] = [Date.parse(v.from || ""), Date.parse(v.to || "")];
		put(...(Number.isNaN(a) || Number.isNaN(b) ? presets["last 24 hours"]() : [a, b]));
		const chosen = (v.cameras || "").split(",");
		boxes.forEach(box => { box.checked = chosen.includes(box.value); });
		load();
	}

	function changed() {
		replace("proof", "", {from: iso(from), to: iso(to), cameras: chosen().join(",")});
		load();
	}

	async function load() {
		const mine = ++asked, names = chosen();
		try {
			const answer = await get(query("/api/proof", {from: iso(from), to: iso(to), camera: names.join(",")}));
			if (left || mine !== asked)
				return;
			fill(out, sheet(answer, names));
			print.hidden = false;
		} catch (error) {
			if (left || mine !== asked)
				return;
			fill(out, problem(error));
			print.hidden = true;
		}
	}

	return {
		update(_, v) {
			set(v);
			return true;
		},
		leave() { left = true; },
	};
}
