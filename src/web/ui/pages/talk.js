// What is said out of a camera's speaker: a text, or a sound file of the site.
// SPDX-License-Identifier: Apache-2.0
import {get, post} from "../api.js";
import {fill, h, say} from "../dom.js";
import {actButton} from "../hold.js";
import {mayOperate} from "../site.js";

/** An element that fills itself when the camera can be talked to. */
export function talkPanel(name) {
	const box = h("section.controls", {hidden: true, "aria-label": `Talk to ${name}`}), told = h("p.why", {role: "status"});
	const path = `/api/cameras/${encodeURIComponent(name)}/talk`;

	async function tell(what) {
		try {
			const {seconds} = await post(path, what);
			say(told, `it is being said (${seconds.toFixed(1)} s)`);
			return true;
		} catch (error) {
			say(told, error.message);
			return false;
		}
	}

	function show({possible, texts, messages}) {
		const parts = [];
		if (!possible || !(texts || messages.length))
			return;
		if (texts) {
			const text = h("input", {name: "say", maxlength: "500", autocomplete: "off"});
			parts.push(h("form.field", {onsubmit: event => { event.preventDefault(); if (text.value.trim()) tell({text: text.value.trim()}).then(ok => { if (ok) text.value = ""; }); }},
				h("label.field", null, "A text", text), h("button", null, "Say")));
		}
		if (messages.length)
			parts.push(h("div.presets", null, messages.map(m => actButton(m, () => tell({file: m}), {about: "play"}))));
		fill(box, h("h2", null, "Talk"), h("div.control-row", null, parts), told);
		box.hidden = false;
	}

	if (mayOperate())
		get(path).then(show, () => {});
	return box;
}
