// A PIN pad: keys for a thumb, digits of a keyboard too. What is typed is shown as dots, and is nowhere else.
// SPDX-License-Identifier: Apache-2.0
import {fill, h, problem, say} from "../dom.js";

const MAX = 12;

/** Asks until try_(pin) does not throw; title: "Disarm". Returns when it is closed. */
export function askPin(title, try_) {
	let pin = "", busy = false;
	const dots = h("p.pin-dots", {"aria-live": "polite"}), trouble = h("div.pin-trouble");
	const key = digit => h("button.pin-key", {type: "button", data: {digit}, onclick: () => add(digit)}, digit);
	const ok = h("button.primary.pin-key", {type: "button", onclick: send}, "OK");
	const dialog = h("dialog.pin", {"aria-label": `${title}: PIN`}, h("h2", null, title), dots,
		h("div.pin-keys", null, [..."123456789"].map(key), h("button.pin-key", {type: "button", "aria-label": "Delete the last digit", onclick: () => { pin = pin.slice(0, -1); draw(); }}, "⌫"), key("0"), ok),
		trouble, h("button.quiet.pin-cancel", {type: "button", onclick: () => dialog.close()}, "Cancel"));

	function draw() {
		say(dots, pin ? "●".repeat(pin.length) : "PIN");
		dots.setAttribute("aria-label", `${pin.length} digits`);
		ok.disabled = busy || pin.length < 4;
	}

	function add(digit) {
		fill(trouble);
		if (pin.length < MAX && !busy)
			pin += digit;
		draw();
	}

	async function send() {
		if (pin.length < 4 || busy)
			return;
		const typed = pin;
		pin = "";
		busy = true;
		draw();
		try {
			await try_(typed);
			dialog.close();
		} catch (error) {
			fill(trouble, problem(error));
		}
		busy = false;
		draw();
	}

	dialog.addEventListener("keydown", event => {
		if (/^\d$/.test(event.key))
			add(event.key);
		else if (event.key === "Backspace") {
			pin = pin.slice(0, -1);
			draw();
		} else if (event.key === "Enter" && !event.target.closest("button:not(.pin-key)")) {
			event.preventDefault();
			send();
		}
	});
	dialog.addEventListener("close", () => {
		pin = "";
		dialog.remove();
	});
	document.body.append(dialog);
	draw();
	dialog.showModal();
}
