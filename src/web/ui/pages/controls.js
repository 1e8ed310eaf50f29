// What a camera lets itself be told: a pad to turn it, presets, its IR cut filter and lamps; for admins its clock and a new start.
// SPDX-License-Identifier: Apache-2.0
import {get, post} from "../api.js";
import {fill, h, problem, say} from "../dom.js";
import {actButton} from "../hold.js";
import {camera, mayOperate, site} from "../site.js";

const AGAIN_MS = 1000; // a move ends by itself after two seconds

const ways = [
	["up", "▲", {tilt: .6}], ["left", "◀", {pan: -.6}], ["right", "▶", {pan: .6}], ["down", "▼", {tilt: -.6}],
	["zoom in", "+", {zoom: .6}], ["zoom out", "−", {zoom: -.6}],
];

/** An element that fills itself when the camera has anything to offer. leave() when the page goes. */
export function controlsPanel(name) {
	const box = h("section.controls", {hidden: true, "aria-label": `Controls of ${name}`}), trouble = h("p.why", {role: "status"});
	const path = `/api/cameras/${encodeURIComponent(name)}/controls`;
	let held = 0;

	async function tell(wish, done) {
		try {
			await post(path, wish);
			say(trouble, done || "");
		} catch (error) {
			say(trouble, error.message);
		}
	}

	function stop() {
		if (!held)
			return;
		clearInterval(held);
		held = 0;
		tell({move: {}});
	}

	/** Turns as long as it is pressed, by a finger or by the space bar. */
	function way([word, sign, move]) {
		const begin = event => {
			event.preventDefault();
			if (held)
				return;
			tell({move});
			held = setInterval(() => tell({move}), AGAIN_MS);
		};
		const button = h("button.way", {type: "button", "aria-label": `Turn: ${word}`, title: word, data: {way: word.replace(" ", "-")},
			onpointerdown: event => { button.setPointerCapture(event.pointerId); begin(event); }, onpointerup: stop, onpointercancel: stop, onlostpointercapture: stop,
			onkeydown: event => { if ([" ", "Enter"].includes(event.key) && !event.repeat) begin(event); }, onkeyup: stop, onblur: stop,
			oncontextmenu: event => event.preventDefault()}, sign);
		return button;
	}

	function show(c) {
		const parts = [];
		if (c.ptz)
			parts.push(h("div.pad", null, ways.map(way)));
		if (c.presets.length)
			parts.push(h("div.presets", null, c.presets.map(p => actButton(p.name, () => tell({preset: p.token}, `goes to ${p.name}`), {about: "preset"}))));
		if (c.ir_cut) {
			const mode = h("select", {onchange: () => tell({ir_cut: mode.value}, "told")}, [["auto", "by itself"], ["on", "day (filter in)"], ["off", "night (filter out)"]].map(([v, t]) => h("option", {value: v}, t)));
			mode.value = c.ir_cut;
			parts.push(h("label.field", null, "Day and night", mode));
		}
		if (c.auxiliary.length)
			parts.push(h("div.presets", null, c.auxiliary.map(w => actButton(w.replace(/^tt:/, "").replace("|", " "), () => tell({auxiliary: w}, "told")))));
		if (site.me.role === "admin")
			parts.push(h("div.presets", null, actButton("Set its clock", () => tell({set_clock: true}, "its clock was set"), {about: "to the time of this Pigtail"}),
				actButton("Restart it", () => tell({reboot: true}, "it restarts; this takes a minute or two"), {held: true, about: "press and hold"})));
		fill(box, h("h2", null, "Controls"), h("div.control-row", null, parts), trouble);
		box.hidden = false;
	}

	if (mayOperate() && camera(name)?.source.startsWith("onvif"))
		get(path).then(show).catch(error => {
			fill(box, h("h2", null, "Controls"), problem(error));
			box.hidden = false;
		});
	return {element: box, leave: stop};
}
