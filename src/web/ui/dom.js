// Elements without a template language: h("button.primary", {onclick}, "Save"), and the icons.
// SPDX-License-Identifier: Apache-2.0

const SVG = "http://www.w3.org/2000/svg";

/** kids: nodes, text, arrays of them; null and false are left out. Properties beginning with "on" are listeners. */
export function h(what, props, ...kids) {
	const [tag, ...classes] = what.split(".");
	const element = document.createElement(tag || "div");
	if (classes.length)
		element.className = classes.join(" ");
	for (const [name, value] of Object.entries(props || {})) {
		if (value === null || value === undefined || value === false)
			continue;
		if (name.startsWith("on"))
			element.addEventListener(name.slice(2), value);
		else if (name === "data")
			Object.assign(element.dataset, value);
		else if (name in element && typeof value !== "string")
			element[name] = value;
		else
			element.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
	}
	element.append(...flat(kids));
	return element;
}

function flat(kids) {
	return kids.flat(9).filter(kid => kid !== null && kid !== undefined && kid !== false);
}

export function fill(element, ...kids) {
	element.replaceChildren(...flat(kids));
	return element;
}

/** Sets text only when it differs, so that a selection and a screen reader are left in peace. */
export function say(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

const paths = {
	live: "M4 6h12v12H4z M16 10l5-3v10l-5-3z",
	time: "M3 12h18 M6 8v8 M10 5v14 M14 9v6 M18 7v10",
	plugs: "M8 3v5 M16 3v5 M5 8h14v4a7 7 0 0 1-14 0z M12 19v3",
	events: "M4 6h2 M9 6h11 M4 12h2 M9 12h11 M4 18h2 M9 18h11",
	system: "M4 5h16v10H4z M9 20h6 M12 15v5",
	alarm: "M6 17V11a6 6 0 0 1 12 0v6l2 2H4z M10 22h4",
	kept: "M6 3h12v18l-6-4-6 4z",
	play: "M7 4l13 8-13 8z",
	pause: "M7 4v16 M17 4v16",
	back: "M15 5l-7 7 7 7",
	step: "M6 5l8 7-8 7z M18 5v14",
	stepback: "M18 5l-8 7 8 7z M6 5v14",
	next: "M5 6l6 6-6 6 M13 6l6 6-6 6",
	previous: "M19 6l-6 6 6 6 M11 6l-6 6 6 6",
	plus: "M12 5v14 M5 12h14",
	minus: "M5 12h14",
	sound: "M4 9h4l5-4v14l-5-4H4z M17 9a4 4 0 0 1 0 6 M19 6a8 8 0 0 1 0 12",
	mute: "M4 9h4l5-4v14l-5-4H4z M17 9l5 6 M22 9l-5 6",
	wall: "M4 9V4h5 M15 4h5v5 M20 15v5h-5 M9 20H4v-5",
	save: "M12 3v12 M7 10l5 5 5-5 M4 20h16",
	person: "M12 4a4 4 0 1 1 0 8a4 4 0 0 1 0-8z M4 21c0-5 4-7 8-7s8 2 8 7",
	cross: "M6 6l12 12 M18 6L6 18",
	print: "M7 8V3h10v5 M7 17H4V8h16v9h-3 M7 13h10v8H7z",
	gap: "M3 8h6v8H3z M15 8h6v8h-6z M10 12h4",
	span: "M5 4v16 M19 4v16 M5 12h14",
	// states: told apart by shape
	"state-live": "!M12 5a7 7 0 1 1 0 14a7 7 0 0 1 0-14z",
	"state-connecting": "M12 5a7 7 0 0 1 7 7 M12 19a7 7 0 0 1-7-7",
	"state-lost": "M6 6l12 12 M18 6L6 18",
	"state-idle": "M5 12h14",
	"state-unknown": "M12 3l9 9-9 9-9-9z M12 9v4 M12 15.5v.5",
	"state-fault": "M12 4l9 16H3z M12 10v5 M12 17v.5",
	"state-on": "!M5 5h14v14H5z",
	"state-off": "M5 5h14v14H5z",
	"state-active": "!M12 4l9 16H3z",
	"state-inactive": "M12 4l9 16H3z",
	"state-filled": "M4 13l5 6L20 6",
	"state-partly": "M12 5a7 7 0 1 1 0 14z M12 5a7 7 0 1 0 0 14",
	"state-waiting": "M12 4a8 8 0 1 1 0 16a8 8 0 0 1 0-16z M12 8v4.5l3 2",
	"state-fetching": "M12 3v12 M7 10l5 5 5-5 M4 20h16",
	"state-missing": "M5 5h14v14H5z M5 19L19 5",
};

/** Decoration: the word stands beside it. */
export function icon(name) {
	const svg = document.createElementNS(SVG, "svg");
	let d = paths[name] || paths["state-unknown"];
	svg.setAttribute("viewBox", "0 0 24 24");
	svg.setAttribute("class", d[0] === "!" ? "icon solid" : "icon");
	svg.setAttribute("aria-hidden", "true");
	const path = document.createElementNS(SVG, "path");
	path.setAttribute("d", d.replace("!", ""));
	svg.append(path);
	return svg;
}

/** A state by shape and word: state("lost"). kind decides the colour when the word is not a state itself. */
export function state(word, kind = word) {
	return h("span.state", {data: {state: kind}}, icon("state-" + kind), h("span", null, word));
}

/** An empty page teaches the next step. */
export function empty(title, ...text) {
	return h("div.empty", null, h("h2", null, title), ...text.map(t => typeof t === "string" ? h("p", null, t) : t));
}

/** An error where its cause is. */
export function problem(error, remedy) {
	return h("p.problem", {role: "alert"}, icon("state-fault"),
		h("span", null, error.message || String(error), remedy ? h("span.remedy", null, " ", remedy) : null));
}
