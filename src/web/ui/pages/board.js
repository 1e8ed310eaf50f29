// The board: switches for the simulated inputs, lamps for the simulated relays. What a hand on the wiring would do.
// SPDX-License-Identifier: Apache-2.0
import {get, post} from "../api.js";
import {fill, h, problem, say} from "../dom.js";
import {mayOperate} from "../site.js";

const NAME = "board"; // of plugs that name none

/** plugs: the answer of /api/plugs. Gives {refresh}. */
export function board(root, plugs) {
	const trouble = h("div"), grid = h("div.bench"), parts = new Map();
	const virtual = p => p.driver === "virtual";
	fill(root, h("h2", null, "The board"),
		h("p.hint", null, "Simulated wiring: close a contact as a hand at the door would, and see which lamp lights up."), grid, trouble);

	for (const input of plugs.inputs.filter(virtual)) {
		const word = h("span.word");
		const knob = h("button.switch", {type: "button", role: "switch", "aria-checked": "false", disabled: !mayOperate(),
			"aria-label": `contact of ${input.name}`, data: {channel: input.channel, input: input.name}, onclick: () => flip(input, knob)},
			h("span.track", null, h("span.thumb")));
		parts.set("input" + input.channel, {knob, word});
		grid.append(h("div.bench-item", null, knob, h("b", null, input.name), word));
	}
	for (const relay of plugs.relays.filter(virtual)) {
		const word = h("span.word");
		const lamp = h("span.lamp", {role: "img", data: {channel: relay.channel, relay: relay.name, on: "0"}});
		parts.set("relay" + relay.channel, {lamp, word, name: relay.name});
		grid.append(h("div.bench-item", null, lamp, h("b", null, relay.name), word));
	}

	function show(answer) {
		for (const c of answer.channels) {
			const p = parts.get(c.plug + c.channel);
			if (!p)
				continue;
			say(p.word, c.closed ? "contact closed" : "contact open");
			p.knob?.setAttribute("aria-checked", String(c.closed));
			if (p.lamp) {
				p.lamp.dataset.on = c.closed ? "1" : "0";
				p.lamp.setAttribute("aria-label", `lamp of ${p.name}: ${c.closed ? "lit" : "dark"}`);
				say(p.word, c.closed ? "lit (closed)" : "dark (open)");
			}
		}
	}

	async function flip(input, knob) {
		const closed = knob.getAttribute("aria-checked") !== "true";
		knob.setAttribute("aria-checked", String(closed)); // the hand feels it move; the answer corrects it
		await attempt(() => post(`/api/board/${NAME}/inputs/${input.channel}`, {closed}));
	}

	async function attempt(fn) {
		try {
			show(await fn());
			fill(trouble);
		} catch (error) {
			fill(trouble, problem(error));
		}
	}
	const refresh = () => attempt(() => get("/api/board/" + NAME));
	refresh();
	return {refresh};
}
