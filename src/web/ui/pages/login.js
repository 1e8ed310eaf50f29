// Name and password. Attempts that the server slows down count their seconds here.
// SPDX-License-Identifier: Apache-2.0
import {request} from "../api.js";
import {fill, h, icon, problem} from "../dom.js";

export function mount({message, done}) {
	const user = h("input", {name: "user", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true});
	const password = h("input", {name: "password", type: "password", autocomplete: "current-password", required: true});
	const button = h("button.primary", {type: "submit"}, "Log in");
	const note = h("div.login-note", {"aria-live": "polite"});
	if (message)
		fill(note, h("p", null, message));

	async function submit(event) {
		event.preventDefault();
		button.disabled = true;
		fill(note, h("p", null, "Checking …"));
		try {
			await request("POST", "/api/login", {user: user.value, password: password.value});
			done();
		} catch (error) {
			fill(note, problem(error, error.status === 401 ? "Names are written as in users.yaml; capitals count." : ""));
			await slowed(error, button);
			password.select();
		}
		button.disabled = false;
	}
	setTimeout(() => user.focus(), 0);
	return h("main.login", null,
		h("form", {onsubmit: submit},
			h("h1", null, "Pigtail"),
			h("label", null, "Name", user),
			h("label", null, "Password", password),
			button, note),
		h("details", null,
			h("summary", null, "No name and password yet?"),
			h("p", null, "When Pigtail starts in a terminal it prints a link that logs in once as administrator. People are added beside the site file with"),
			h("pre", null, "pigtail user add NAME operator >> users.yaml"),
			h("p", null, icon("person"), " viewer: looks; operator: also switches relays and saves clips; admin: everything.")));
}

/** Counts down what the server asks to wait. */
async function slowed(error, button) {
	let seconds = error.status === 429 ? Number(/(\d+) s/.exec(error.message)?.[1] || 1) : 0;
	for (const word = button.textContent; ; seconds--) {
		button.textContent = seconds > 0 ? `Wait ${seconds} s` : "Log in";
		if (seconds <= 0 || !word)
			return;
		await new Promise(resolve => setTimeout(resolve, 1000));
	}
}
