// Inputs and relays: what is seen, what was told, by whom and when; and the simulated board.
// SPDX-License-Identifier: Apache-2.0
import {get, listen, post} from "../api.js";
import {empty, fill, h, problem, say, state} from "../dom.js";
import * as format from "../format.js";
import {actButton} from "../hold.js";
import {link} from "../router.js";
import {every, mayOperate, now} from "../site.js";
import {board} from "./board.js";
import {rulesSection} from "./rules.js";

const words = { // what a state means for a kind of input
	door: ["open", "closed"], pir: ["movement", "still"], beam: ["broken", "whole"], button: ["pressed", "released"], badge: ["badge shown", "no badge"],
};

export function inputWords(input) {
	const pair = words[input.kind];
	return pair && input.state === "active" ? pair[0] : pair && input.state === "inactive" ? pair[1] : input.state;
}

/** "since 14:03:22 · 3 min ago", with the date when it was not today. */
export function since(element, time) {
	const ms = Date.parse(time || "");
	if (Number.isNaN(ms))
		return say(element, "");
	const day = format.date(ms) === format.date(now()) ? "" : format.date(ms) + " ";
	say(element, `${day}${format.clock(ms)} · ${format.ago(ms, now())}`);
}

function card(title, kind) {
	const parts = {
		state: h("p.card-state"), since: h("time"), more: h("div.card-more"), error: h("div.card-error"), buttons: h("div.buttons"),
	};
	parts.element = h("article.card", null, h("header", null, h("h3", null, title), h("span.kind", null, kind)),
		parts.state, parts.when = h("p.when", null, "since ", parts.since), parts.more, parts.buttons, parts.error);
	return parts;
}

function inputCard(input) {
	const c = card(input.name, `${input.kind} · ${input.contact}`);
	c.element.dataset.input = input.name;
	c.update = i => {
		if (c.last !== i.state)
			fill(c.state, state(inputWords(i), i.state));
		c.last = i.state;
		c.element.dataset.state = i.state;
		since(c.since, i.since);
		c.when.hidden = !i.since;
		say(c.more, i.state === "unknown" && !i.error ? "nothing has been heard from it yet" : "");
		i.error ? fill(c.error, problem({message: i.error})) : fill(c.error);
	};
	return c;
}

const orders = {off: "Off", on: "On", pulse: "Pulse"};

function relayCard(relay, refresh) {
	const c = card(relay.name, `${relay.kind} · ${relay.mode}${relay.moves_metal && mayOperate() ? " · press and hold" : ""}`);
	c.element.dataset.relay = relay.name;
	const told = h("p"), toldAt = h("time"), silent = h("p"), ends = h("p.ends"), life = h("p"), warning = h("p.warning");
	fill(c.more, silent, told, ends, life, warning);
	let refused = null; // why the last order was: stays until the next
	const send = order => async () => {
		refused = null;
		fill(c.error);
		try {
			c.update(await post(`/api/relays/${encodeURIComponent(relay.name)}`, {state: order}));
		} catch (error) {
			refused = error;
			refresh();
		}
	};
	if (mayOperate())
		fill(c.buttons, (relay.mode === "monostable" ? ["pulse", "off"] : ["on", "off", "pulse"]).map(order =>
			actButton(orders[order], send(order), {held: relay.moves_metal, about: relay.name})));
	c.update = r => {
		if (c.last !== r.state)
			fill(c.state, state(r.state));
		c.last = r.state;
		c.element.dataset.state = r.state;
		since(c.since, r.since);
		c.when.hidden = !r.since;
		since(toldAt, r.commanded_at);
		if (r.commanded_at)
			fill(told, r.mismatch ? h("b", null, `last order ${r.commanded}, but seen ${r.state},`) : `last order ${r.commanded}`, format.whom(r.actor), ", ", toldAt);
		else
			fill(told, "no order yet");
		say(silent, r.state === "unknown" && !r.error ? "nothing has been heard from it yet" : "");
		say(ends, r.off_in_s !== undefined ? `goes off by itself in ${format.duration(Math.max(r.off_in_s, 0) * 1000)}` : "");
		say(life, r.rated_cycles ? `switched ${r.cycles} times, rated for ${r.rated_cycles}` : "");
		say(warning, [r.warning, r.wear].filter(Boolean).map(text => "⚠ " + text).join(" · "));
		const wrong = refused ?? (r.error ? {message: r.error} : r.mismatch ? {message: "the contact does not follow: look at the wiring and at the device"} : null);
		wrong ? fill(c.error, problem(wrong)) : fill(c.error);
	};
	return c;
}

/** The plugs of one camera, beside its picture: an element that fills itself when it has any. leave() when the page goes. */
export function cameraPlugs(name) {
	const box = h("section.near", {hidden: true, "aria-label": `Plugs of ${name}`}), cards = new Map();
	let left = false;

	async function refresh() {
		const plugs = await get("/api/plugs").catch(() => null);
		if (!plugs || left)
			return;
		const own = [...plugs.relays.map(p => ["relay", p, relayCard]), ...plugs.inputs.map(p => ["input", p, inputCard])].filter(([, p]) => p.camera === name);
		const keys = own.map(([kind, p]) => `${kind}/${p.name}`);
		if (keys.join() !== [...cards.keys()].join()) {
			cards.clear();
			own.forEach(([, p, make], i) => cards.set(keys[i], make(p, refresh)));
			fill(box, h("h2", null, "Plugs"), h("div.cards", null, [...cards.values()].map(c => c.element)));
		}
		own.forEach(([, p], i) => cards.get(keys[i]).update(p));
		box.hidden = !own.length;
	}
	const ends = [every(2000, refresh), listen((kind, event) => { if (kind !== "event" || ["input", "relay", "command"].includes(event.topic)) refresh(); })];
	return {element: box, leave() { left = true; ends.forEach(end => end()); }};
}

export function mount(root) {
	const inputs = h("div.cards"), relays = h("div.cards"), bench = h("section.board"), trouble = h("div");
	const log = h("ol.log"), rules = h("section"), refreshRules = rulesSection(rules);
	const cards = new Map();
	let hasBoard = false, left = false, panel = null;
	fill(root, h("div.bar", null, h("h1", null, "Plugs")), trouble, bench,
		h("section", null, h("h2", null, "Relays"), relays), h("section", null, h("h2", null, "Inputs"), inputs),
		rules, h("section", null, h("h2", null, "Who did what"), log, h("p", null, h("a", {href: link("events", "", {topic: "command"})}, "All orders"))));

	function put(list, items, make, nothing) {
		if (!items.length)
			return fill(list, nothing);
		for (const item of items) {
			const key = list === relays ? "relay/" + item.name : "input/" + item.name;
			if (!cards.has(key)) {
				cards.set(key, make(item, refresh));
				list.append(cards.get(key).element);
			}
			cards.get(key).update(item);
		}
		for (const [key, c] of cards)
			if (c.element.parentNode === list && !items.some(i => key.endsWith("/" + i.name))) {
				c.element.remove();
				cards.delete(key);
			}
	}

	async function refresh() {
		try {
			const plugs = await get("/api/plugs");
			if (left)
				return;
			fill(trouble);
			put(relays, plugs.relays, relayCard, empty("No relay yet", "A light, a siren, a gate: name it in the site file, for example",
				h("pre", null, "relays:\n  flood: { driver: virtual, channel: 1, kind: light }")));
			put(inputs, plugs.inputs, inputCard, empty("No input yet", "A door contact, a button, a beam: name it in the site file, for example",
				h("pre", null, "inputs:\n  door: { driver: virtual, channel: 1, kind: door, contact: normally-closed }")));
			if (!hasBoard && [...plugs.inputs, ...plugs.relays].some(p => p.driver === "virtual")) {
				hasBoard = true;
				panel = board(bench, plugs);
			}
		} catch (error) {
			fill(trouble, problem(error));
		}
	}

	async function refreshLog() {
		const answer = await get("/api/events?topic=command&limit=8").catch(() => null);
		if (!answer || left)
			return;
		fill(log, answer.events.length ? answer.events.map(e => h("li", null, h("time", null, format.stamp(Date.parse(e.time))), " ",
			h("b", null, `${e.source.replace("relay/", "")} ${e.state}`), format.whom(e.actor), e.detail ? `: ${format.localTimes(e.detail)}` : "")) : h("li", null, "No order has been given yet."));
	}

	const ends = [every(2000, refresh), every(15000, refreshLog), every(15000, refreshRules), listen((kind, event) => {
		if (kind !== "event" || ["input", "relay", "command"].includes(event.topic)) {
			refresh();
			panel?.refresh();
		}
		if (kind === "event" && event.topic === "command")
			setTimeout(refreshLog, 100);
		if (kind === "event" && ["input", "rule"].includes(event.topic))
			setTimeout(refreshRules, 100);
	})];
	return {
		leave() {
			left = true;
			ends.forEach(end => end());
		},
	};
}
