// The alarm centre: the mode and its buttons, alarms with what is to be done, zones, and what was.
// SPDX-License-Identifier: Apache-2.0
import {centre, followAlarm, left, openAlarms, refreshAlarm, take} from "../alarm.js";
import {ApiError, post} from "../api.js";
import {empty, fill, h, icon, problem, say, state} from "../dom.js";
import * as format from "../format.js";
import {actButton} from "../hold.js";
import {link} from "../router.js";
import {camera, every, mayOperate} from "../site.js";
import {askPin} from "./pinpad.js";

const PAST = 30; // alarms that are over

const at = time => format.stamp(Date.parse(time));

/** What is told of an alarm in words, the newest last. */
function story(a) {
	return [
		a.count > 1 ? `${a.count} times since ${at(a.raised)}, last at ${format.clock(Date.parse(a.last))}` : `raised at ${at(a.raised)}`,
		a.cause ? `by ${a.cause}` : "",
		a.acknowledged_by ? `acknowledged${format.whom(a.acknowledged_by)} at ${at(a.acknowledged)}` : "",
		a.cleared_by ? `cleared${format.whom(a.cleared_by)} at ${at(a.cleared)}` : "",
	].filter(Boolean).join(" · ");
}

function picture(a) {
	if (!a.camera || !camera(a.camera))
		return null;
	const image = h("img", {alt: `camera ${a.camera} now`, src: `/api/cameras/${encodeURIComponent(a.camera)}/snapshot.jpg?width=480&t=${a.last}`});
	image.onerror = () => image.remove();
	return h("div.alarm-camera", null, h("a", {href: link("live", a.camera), "aria-label": `camera ${a.camera}, live`}, image), h("div.row", null,
		h("a.button", {href: link("live", a.camera)}, icon("live"), h("span", null, a.camera)),
		h("a.button", {href: link("time", a.camera, {at: a.last, span: 120})}, icon("time"), h("span", null, "When it happened"))));
}

function alarmCard(a) {
	const trouble = h("div"), order = how => async () => {
		try {
			take(await post(`/api/alarm/${a.id}/${how}`, {}));
		} catch (error) {
			fill(trouble, problem(error));
		}
	};
	const priority = a.priority === 3 ? "" : ` · priority ${a.priority} of 5`;
	return h("article.card.alarm", {data: {state: a.state, alarm: a.name}},
		h("header", null, h("p.card-state", null, state(a.state, a.state === "raised" ? "active" : "waiting")), h("span.kind", null, `${a.of} ${a.name}${priority}`)),
		h("h3", null, a.text), h("p.when", null, story(a)),
		a.procedure ? h("div.procedure", null, h("h4", null, "What to do"), h("p", null, a.procedure)) : null,
		mayOperate() ? h("div.buttons", null, a.state === "raised" ? actButton("Acknowledge", order("acknowledge"), {about: a.name}) : null,
			a.state === "raised" ? null : actButton("Clear", order("clear"), {about: a.name})) : null,
		trouble, picture(a));
}

function zoneRow(z) {
	const shape = {open: "active", closed: "inactive", unknown: "unknown"}[z.state];
	const words = z.left_out ? "left out until it closes" : z.entry_in_s !== undefined ? `alarm in ${left(z.entry_in_s)} s unless disarmed`
		: z.always ? "always armed" : z.armed ? "armed" : "not armed";
	return h("li.zone", {data: {zone: z.name, state: z.state, guarded: String((z.armed || z.always) && !z.left_out)}}, h("b", null, z.name), state(z.state, shape),
		h("span.zone-armed", null, words), h("span.hint", null, `${z.inputs.join(", ")}${z.delayed ? " · on the way in" : ""}`));
}

export function mount(root) {
	const mode = h("p.mode-now", {role: "status"}), since = h("p.when"), buttons = h("div.modes"), trouble = h("div");
	const alarms = h("div.cards.alarms"), zones = h("ul.zones-list"), past = h("ol.log"), none = h("p.hint");
	let shown = "", drawn = "";
	fill(root, h("div.bar", null, h("h1", null, "Alarm")), h("section", null, mode, since, buttons, trouble),
		h("section", null, h("h2", null, "Open alarms"), none, alarms), h("section", null, h("h2", null, "Zones"), zones),
		h("section", null, h("h2", null, "What was"), past, h("p", null, h("a", {href: link("events", "", {topic: "alarm"})}, "All events of alarms"))));

	/** What is open at arming is told, and may be left out. */
	function refused(name, error) {
		fill(trouble, problem(error), error.status === 409 && h("button", {onclick: () => order(name, {force: true})}, `Arm ${name} all the same`));
	}

	async function send(name, more) {
		fill(trouble);
		take(await post("/api/alarm/mode", {mode: name, ...more}));
	}

	async function order(name, more = {}) {
		const needsPin = centre.modes.find(m => m.name === name)?.pin;
		try {
			if (needsPin)
				return askPin(name, pin => send(name, {...more, pin}).catch(error => {
					if (!(error instanceof ApiError) || error.status !== 409)
						throw error;
					refused(name, error);
				}));
			await send(name, more);
		} catch (error) {
			refused(name, error);
		}
	}

	function modeButton(m) {
		const current = m.name === centre.mode, slip = m.name === centre.modes[0].name && !current && !m.pin && !centre.arming;
		const button = actButton(m.name, () => order(m.name), {held: slip, about: "mode", kind: current ? "state-on" : "state-off"});
		button.dataset.mode = m.name;
		button.setAttribute("aria-pressed", String(current));
		return button;
	}

	function drawMode() {
		fill(mode, h("b", null, centre.mode), centre.arming ? h("span.arming", null, ` → ${centre.arming} in ${left(centre.arming_in_s)} s`) : null);
		say(since, `since ${at(centre.since)}${centre.arming ? ` · press ${centre.mode} to stay` : ""}`);
	}

	function draw() {
		if (centre.error)
			return fill(trouble, problem(centre.error));
		if (!centre.loaded)
			return;
		drawMode();
		const key = JSON.stringify([centre.mode, centre.arming, centre.modes]);
		if (key !== drawn && mayOperate())
			fill(buttons, centre.modes.map(modeButton));
		drawn = key;
		const open = openAlarms(), was = JSON.stringify(open);
		say(none, open.length ? "" : "None.");
		if (was !== shown)
			fill(alarms, open.map(alarmCard));
		shown = was;
		fill(zones, centre.zones.length ? centre.zones.map(zoneRow) : empty("No zone yet", "A zone is a group of inputs that raise an alarm in some modes. Name it in the site file, for example",
			h("pre", null, "alarm:\n  zones:\n    front: { inputs: door, armed-in: [night, away], entry: delayed }")));
		const over = centre.alarms.filter(a => a.state === "cleared").slice(0, PAST);
		fill(past, over.length ? over.map(a => h("li", null, h("b", null, a.text), ` (${a.name}) · ${story(a)}`)) : h("li", null, "No alarm has been cleared yet."));
	}

	const counting = () => centre.loaded && (centre.arming || centre.zones.some(z => z.entry_in_s !== undefined));
	const ends = [followAlarm(draw), every(500, () => { if (counting()) draw(); }), every(20000, refreshAlarm)];
	draw();
	return {leave() { ends.forEach(end => end()); }};
}
