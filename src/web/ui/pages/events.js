// The event log, filtered, growing live at its top; each event leads to its place on the timeline.
// SPDX-License-Identifier: Apache-2.0
import {get, listen, query} from "../api.js";
import {empty, fill, h, icon, problem, say, state} from "../dom.js";
import * as format from "../format.js";
import {link, replace} from "../router.js";
import {site} from "../site.js";

const topics = ["input", "relay", "command", "stream", "rule", "talk", "archive", "notify", "login", "system", "motion", "tamper", "sound", "storage", "reboot", "mode", "alarm", "network", "show", "picture"];
const PAGE = 200, KEEP = 1000;

export function mount(root, name, values) {
	const list = h("ol.events"), more = h("div.more"), trouble = h("div"), counts = h("p.counts", {role: "status"});
	const fresh = h("button.fresh", {hidden: true, onclick: () => { scrollTo(0, 0); flush(); }});
	const filter = filterBar(values, changed);
	let waiting = [], cursor = null, shown = 0, left = false, asked = 0;
	fill(root, h("div.bar", null, h("h1", null, "Events"), counts), filter.element, trouble, fresh, list, more);

	function changed() {
		replace("events", "", filter.values());
		load();
	}

	/** The part of the filter that the log does not know. */
	function matches(e) {
		const text = filter.values().text?.toLowerCase();
		return !text || [e.source, e.topic, e.state, e.actor, e.detail].some(x => x?.toLowerCase().includes(text));
	}

	/** The part that it does: for events that arrive live. */
	function belongs(e) {
		const v = filter.values();
		return (!v.topic || e.topic === v.topic) && (!v.source || e.source === v.source || (v.source.endsWith("/") && e.source.startsWith(v.source))) &&
			(!v.until || Date.parse(e.time) < Date.parse(v.until)) && (!v.since || Date.parse(e.time) >= Date.parse(v.since)) && matches(e);
	}

	async function load(older) {
		const mine = ++asked, v = filter.values();
		try {
			const answer = await get(query("/api/events", {topic: v.topic, source: v.source, since: v.since, until: v.until, limit: PAGE, before: older ? cursor : ""}));
			if (left || mine !== asked)
				return;
			fill(trouble);
			if (!older) {
				fill(list);
				waiting = [];
				shown = 0;
				fresh.hidden = true;
			}
			const found = answer.events.filter(matches);
			list.append(...found.map(row));
			shown += found.length;
			cursor = answer.more;
			foot(v);
		} catch (error) {
			fill(trouble, problem(error));
		}
	}

	function foot(v) {
		say(counts, `${shown} shown${cursor ? ", older ones exist" : ""}`);
		if (cursor)
			fill(more, h("button", {onclick: () => load(true)}, "Older events"));
		else if (shown)
			fill(more, h("p.hint", null, "That is all."));
		else if (Object.values(v).some(Boolean))
			fill(more, empty("Nothing matches", "No event fits this filter.", h("button", {onclick: () => { filter.clear(); changed(); }}, "Show all events")));
		else
			fill(more, empty("No events yet", "Press a contact on the board (Plugs), switch a relay, or write a rule in the site file: what happens is listed here."));
	}

	function flush() {
		list.prepend(...waiting.map(row));
		shown += waiting.length;
		waiting = [];
		fresh.hidden = true;
		while (list.children.length > KEEP)
			list.lastChild.remove();
		foot(filter.values());
	}

	const again = soon(() => left || scrollY < 40 && load());
	const end = listen((kind, event) => {
		if (kind === "open" || kind === "skipped")
			load();
		if (kind !== "event" || !belongs(event))
			return;
		if (event.late) // its place is further down
			return again();
		waiting.unshift(event);
		if (scrollY < 40)
			return flush();
		fresh.hidden = false; // nothing moves under the eyes of a reader
		say(fresh, `${waiting.length} new ${waiting.length === 1 ? "event" : "events"} ▴`);
	});
	load();
	return {
		update(_, next) {
			filter.set(next);
			load();
			return true;
		},
		leave() {
			left = true;
			end();
		},
	};
}

/** The camera whose footage shows an event best: its own, or the only one. */
function cameraOf(e) {
	const [kind, name] = [e.source.split("/")[0], e.source.slice(e.source.indexOf("/") + 1)];
	return kind === "camera" ? name.split("/")[0] : site.cameras[0]?.name || "";
}

/** What was taken of a camera, small; behind it as it is. */
function still(e) {
	const camera = cameraOf(e), url = `/api/cameras/${encodeURIComponent(camera)}/pictures/${e.id}.jpg`;
	return h("a.still", {href: url, target: "_blank", rel: "noopener"}, h("img", {src: url, loading: "lazy", alt: `camera ${camera}, ${e.detail}`}));
}

const known = new Set(["live", "connecting", "lost", "idle", "unknown", "fault", "on", "off", "active", "inactive"]);

const ownWords = new Set(["motion", "tamper", "sound", "storage", "reboot", "picture"]);

/** The state, with what it is said of where the source alone could be taken for something else: a door that is active, one that
 * was told so, one that somebody has been at. */
function stateOf(e) {
	const bad = (e.topic === "tamper" || e.topic === "storage") && e.state === "active";
	const word = e.topic === "command" ? `told ${e.state}` : ownWords.has(e.topic) ? `${e.topic} ${e.state}` : e.state;
	return state(word, bad ? "fault" : e.topic !== "command" && known.has(e.state) ? e.state : "idle");
}

function row(e) {
	const ms = Date.parse(e.time);
	return h("li.event", {data: {id: e.id, topic: e.topic, source: e.source, state: e.state}},
		h("time", {title: format.zoneName(), datetime: e.time}, format.date(ms), " ", h("b", null, format.clock(ms)), h("small", null, format.millis(ms))),
		h("span.topic", null, e.topic), h("b.source", null, e.source),
		stateOf(e),
		h("span.actor", null, format.whom(e.actor).trim()),
		h("span.detail", null, e.topic === "picture" && e.state === "taken" ? still(e) : null, format.localTimes(e.detail), e.late ? h("em", null, ` late, told at ${format.stamp(Date.parse(e.told))}`) : null, e.initial ? h("em", null, " state found at start") : null),
		site.cameras.length ? h("a.button.quiet.show", {href: link("time", cameraOf(e), {at: new Date(ms).toISOString(), span: 300}), "aria-label": `show ${e.source} ${e.state} on the timeline`}, icon("time"), h("span", null, "show")) : null);
}

function filterBar(values, apply) {
	const told = h("summary"), changed = () => { label(); apply(); };
	const field = (label, input) => h("label", null, h("span", null, label), input);
	const topic = h("select", {onchange: changed}, h("option", {value: ""}, "all"), topics.map(t => h("option", {value: t}, t)));
	const source = h("input", {type: "search", placeholder: "input/door, camera/ …", list: "event-sources", onchange: changed});
	const text = h("input", {type: "search", placeholder: "any word", oninput: soon(changed)});
	const since = h("input", {type: "datetime-local", step: "1", onchange: changed}), until = h("input", {type: "datetime-local", step: "1", onchange: changed});
	const known = h("datalist", {id: "event-sources"});
	get("/api/plugs").then(p => fill(known, [...p.inputs.map(i => "input/" + i.name), ...p.relays.map(r => "relay/" + r.name),
		...site.cameras.map(c => "camera/" + c.name), "input/", "relay/", "camera/", "rule/", "user/"].map(value => h("option", {value})))).catch(() => {});
	const iso = input => input.value ? new Date(format.fromLocal(input.value)).toISOString() : "";
	const put = (input, time) => { input.value = time ? format.forInput(Date.parse(time)) : ""; };
	/** On a phone it is closed, and says what it lets through. */
	const label = () => say(told, ["Filter", [topic.value, source.value, text.value, since.value && `from ${since.value.replace("T", " ")}`, until.value && `to ${until.value.replace("T", " ")}`].filter(Boolean).join(", ")].filter(Boolean).join(": "));
	const bar = {
		element: h("details.filter", {open: innerWidth > 700}, told,
			h("div.fields", null, field("What", topic), field("Source", source), field("Text", text), field("From", since), field("To", until), known)),
		values: () => ({topic: topic.value, source: source.value.trim(), text: text.value.trim(), since: iso(since), until: iso(until)}),
		set(v) {
			topic.value = topics.includes(v.topic) ? v.topic : "";
			source.value = v.source || "";
			text.value = v.text || "";
			put(since, v.since);
			put(until, v.until);
			label();
		},
		clear: () => bar.set({}),
	};
	bar.set(values);
	return bar;
}

function soon(fn) {
	let timer = 0;
	return () => {
		clearTimeout(timer);
		timer = setTimeout(fn, 250);
	};
}
