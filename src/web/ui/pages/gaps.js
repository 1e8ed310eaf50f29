// Everything that is or was missing, newest first, and what is done about it: states, reasons, pause, fetch now.
// SPDX-License-Identifier: Apache-2.0
import {get, listen, post, query} from "../api.js";
import {empty, fill, h, icon, problem, say, state} from "../dom.js";
import * as format from "../format.js";
import {actButton} from "../hold.js";
import {link, replace} from "../router.js";
import {camera, every, mayOperate, now, site} from "../site.js";
import {fetchNow} from "../timeline/gapnote.js";
import {canFetch, causes, fate, gapKind, gapState} from "../timeline/gaps.js";

const PAGE = 100;
const spans = {day: ["the last 24 hours", 86400000], week: ["the last 7 days", 7 * 86400000], month: ["the last 30 days", 30 * 86400000], year: ["the last 365 days", 365 * 86400000]};

/** Jobs, and the gaps that no job is for, in one list: newest first. */
function entries({gaps, jobs}, everything) {
	const ms = x => ({...x, start: Date.parse(x.start), end: x.end ? Date.parse(x.end) : undefined});
	const made = jobs.map(j => ({...ms(j), job: j.state, job_reason: j.reason || "", reason: "", isJob: true}));
	const open = gaps.filter(g => g.stream !== "metadata").map(ms);
	const list = [...made];
	for (const gap of open) {
		const job = made.find(j => j.camera === gap.camera && j.stream === gap.stream && j.start < (gap.end ?? Infinity) && j.end > gap.start);
		if (job)
			job.reason ||= gap.reason;
		else if (everything || gapKind(gap) !== "unwanted")
			list.push(gap);
	}
	return list.sort((a, b) => b.start - a.start);
}

function row(e, again) {
	const onvif = camera(e.camera)?.onvif, [word, kind] = gapState(e, onvif), trouble = h("div");
	const came = e.isJob && e.frames ? ` ${format.count(e.frames)} frames, ${format.bytes(e.bytes)}${e.seam ? `, seam by ${e.seam}` : ""}.` : "";
	const becomes = e.job === "filled" ? `it was fetched from the camera's card${e.job_reason && `: ${e.job_reason}`}` : fate({...e, reached: e.reached && Date.parse(e.reached)}, onvif);
	const text = `${becomes[0].toUpperCase()}${becomes.slice(1)}.`;
	const ask = async () => {
		fill(trouble);
		try {
			await fetchNow(e.camera, e.start, e.end);
			again();
		} catch (error) {
			fill(trouble, problem(error));
		}
	};
	const may = mayOperate() && e.job !== "filled" && canFetch(e, onvif);
	return h("li.gap-row", {data: {state: e.job || (e.end ? "none" : "open"), camera: e.camera, stream: e.stream, cause: e.cause}},
		state(word, kind), h("b.gap-of", null, `${e.camera} / ${e.stream}`),
		h("p.gap-when", null, h("time", null, format.stamp(e.start)), " – ", e.end ? h("time", null, format.date(e.end) === format.date(e.start) ? format.clock(e.end) : format.stamp(e.end)) : "now",
			`  ·  ${format.duration((e.end ?? now()) - e.start)}`),
		h("p.gap-why", null, h("span.cause", null, causes[e.cause] || e.cause), e.reason ? `: ${e.reason}. ` : ". ", text, came, trouble),
		h("div.buttons", null, may ? actButton("Fetch now", ask, {about: `${e.camera} ${format.stamp(e.start)}`}) : null,
			h("a.button.quiet", {href: link("time", e.camera, {at: new Date(e.start).toISOString(), span: Math.max(60, ((e.end ?? now()) - e.start) / 250)}), "aria-label": "show on the timeline"}, icon("time"), h("span", null, "Show"))));
}

export function mount(root, name, values) {
	const choose = h("select", {"aria-label": "Camera", onchange: changed}, h("option", {value: ""}, "all cameras"), site.cameras.map(c => h("option", {value: c.name}, c.name)));
	const long = h("select", {"aria-label": "Time", onchange: changed}, Object.entries(spans).map(([key, [words]]) => h("option", {value: key}, words)));
	const all = h("input", {type: "checkbox", onchange: changed}), counts = h("p.counts", {role: "status"});
	const list = h("ol.gap-list"), more = h("div.more"), trouble = h("div"), paused = h("div");
	let answer = null, left = false, shown = PAGE, loading = false, soon = 0, rows = new Map();
	fill(root, h("div.bar", null, h("h1", null, "Gaps"), counts, h("a.button.quiet.to-proof", {href: link("proof")}, icon("print"), h("span", null, "Proof of recording"))),
		h("div.row.gap-filter", null, choose, long, h("label.check", null, all, "also what nobody wanted")), paused, trouble, list, more);
	set(name, values);

	function set(wanted, v) {
		choose.value = camera(wanted) ? wanted : "";
		long.value = spans[v.span] ? v.span : "week";
		all.checked = v.all === "1";
	}

	function changed() {
		replace("gaps", choose.value, {span: long.value, all: all.checked ? "1" : ""});
		shown = PAGE;
		load();
	}

	async function load() {
		if (loading) {
			soon ||= setTimeout(() => { soon = 0; load(); }, 300);
			return;
		}
		loading = true;
		try {
			const from = new Date(now() - spans[long.value][1]).toISOString(), to = new Date(now() + 1000).toISOString();
			answer = await get(query("/api/backfill", {camera: choose.value, from, to}));
			if (!left)
				fill(trouble);
		} catch (error) {
			if (!left)
				fill(trouble, problem(error));
		}
		loading = false;
		if (!left && answer)
			draw();
	}

	function draw() {
		const found = entries(answer, all.checked);
		const waiting = found.filter(e => e.job === "found").length, running = found.filter(e => gapKind(e) === "fetching").length;
		say(counts, `${found.length} shown, ${running} being fetched, ${waiting} waiting`);
		if (paused.firstChild?.dataset.paused !== String(answer.paused))
			fill(paused, pauseBar());
		putRows(found.slice(0, shown));
		if (found.length > shown)
			fill(more, h("button", {onclick: () => { shown += PAGE; draw(); }}, "Older gaps"));
		else
			fill(more, found.length ? h("p.hint", null, "That is all.") : empty("Nothing is missing", `No gap in ${spans[long.value][0]}${choose.value ? ` of ${choose.value}` : ""}.`));
	}

	/** What has not changed stays: nothing is taken from under a finger. */
	function putRows(found) {
		const before = rows;
		rows = new Map(found.map(e => {
			const key = `${e.id || ""} ${e.camera} ${e.stream} ${e.start}`, text = JSON.stringify(e), old = before.get(key);
			return [key, old?.text === text ? old : {text, element: row(e, load), old: old && (old.old || old.element)}];
		}));
		const others = [...rows.keys()].join() !== [...before.keys()].join();
		if (others)
			fill(list, [...rows.values()].map(r => r.element));
		for (const r of rows.values())
			if (others) {
				r.old = null;
			} else if (r.old && !r.old.querySelector(".busy")) {
				r.old.replaceWith(r.element);
				r.old = null;
			}
	}

	function pauseBar() {
		const turn = pause => async () => {
			await post("/api/backfill/pause", {pause}).catch(error => fill(trouble, problem(error)));
			await load();
		};
		const button = mayOperate() ? actButton(answer.paused ? "Resume" : "Pause", turn(!answer.paused), {about: "fetching from cards"}) : null;
		return h("div.pause-bar", {data: {paused: String(answer.paused)}}, state(answer.paused ? "paused" : "on", answer.paused ? "waiting" : "on"),
			h("span", null, answer.paused ? "Nothing is fetched from cameras until somebody resumes it, or Pigtail is started anew." : "Gaps are filled from the cameras' cards as soon as they are reached again."), button);
	}

	const active = () => answer?.jobs.some(j => ["asked", "fetching", "verifying"].includes(j.state));
	const ends = [every(15000, load), every(1000, () => { if (active()) load(); }),
		listen((kind, event) => { if (kind !== "event" || event.topic === "archive" || event.topic === "stream") load(); })];
	return {
		update(wanted, v) {
			set(wanted, v);
			load();
			return true;
		},
		leave() {
			left = true;
			clearTimeout(soon);
			ends.forEach(end => end());
		},
	};
}
