// Buttons that do something outside: an ordinary one answers at once, one that moves metal has to be held.
// SPDX-License-Identifier: Apache-2.0
import {h, icon, say} from "./dom.js";

export const HOLD_MS = 800;

/** act(): a promise. held: press and hold, with the pointer or with Space or Enter; a click that comes from neither (a screen
 * reader's) asks. */
export function actButton(label, act, {held = false, about = "", kind = ""} = {}) {
	const word = h("span.label", null, label);
	const button = h("button.act" + (held ? ".hold" : ""), {type: "button", data: {label},
		"aria-label": held ? `${label} ${about}: press and hold` : `${label} ${about}`}, h("span.fill"), kind ? icon(kind) : null, word);
	let timer = 0, pressed = false, handled = false;

	async function run() {
		button.classList.remove("holding");
		button.classList.add("busy");
		button.setAttribute("aria-busy", "true");
		say(word, "sending …");
		try {
			await act();
		} finally {
			button.classList.remove("busy");
			button.removeAttribute("aria-busy");
			say(word, label);
		}
	}

	function begin() {
		if (timer || button.classList.contains("busy"))
			return;
		handled = pressed = true;
		button.classList.add("holding");
		say(word, "hold …");
		timer = setTimeout(() => {
			timer = 0;
			navigator.vibrate?.(40);
			run();
		}, HOLD_MS);
	}

	function end() {
		pressed = false;
		if (!timer)
			return;
		clearTimeout(timer);
		timer = 0;
		button.classList.remove("holding");
		say(word, "hold longer");
		setTimeout(() => { if (word.textContent === "hold longer") say(word, label); }, 1200);
	}

	if (!held) {
		button.addEventListener("click", run);
		return button;
	}
	button.addEventListener("pointerdown", event => { if (event.button === 0) begin(); });
	for (const name of ["pointerup", "pointerleave", "pointercancel", "blur"])
		button.addEventListener(name, end);
	button.addEventListener("contextmenu", event => event.preventDefault());
	button.addEventListener("keydown", event => {
		if (event.key !== " " && event.key !== "Enter")
			return;
		event.preventDefault();
		if (!event.repeat)
			begin();
	});
	button.addEventListener("keyup", event => { if (event.key === " " || event.key === "Enter") end(); });
	button.addEventListener("click", () => {
		if (!handled && !pressed && confirm(`${label} ${about}?`))
			run();
		handled = false;
	});
	return button;
}
