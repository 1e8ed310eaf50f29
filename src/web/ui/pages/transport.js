// Buttons and keys that move through time.
// SPDX-License-Identifier: Apache-2.0
import {fill, h, icon, say} from "../dom.js";
import * as format from "../format.js";

const RATES = [0.25, 0.5, 1, 2, 4, 8];

/** page: the TimePage (player, timeline, seek, neighbour, goLive, jumpTo). */
export function transport(page) {
	const told = h("p.told", {role: "status"});
	const button = (name, label, key, fn, wide) => h("button" + (wide ? ".wide" : ""), {type: "button", "aria-label": label, title: `${label} (${key})`, data: {do: name}, onclick: fn}, icon(name));
	const playButton = button("play", "Play", "Space", toggle, true);
	const speed = h("select", {"aria-label": "Speed", onchange: () => setRate(Number(speed.value))}, RATES.map(r => h("option", {value: String(r), selected: r === 1}, `${r} ×`)));
	const jump = h("input", {type: "datetime-local", step: "1", "aria-label": "Jump to date and time"});
	const sound = h("button", {type: "button", hidden: true, "aria-pressed": "false", "aria-label": "Sound", data: {do: "sound"}, onclick() {
		page.player.setSound(!page.player.sound);
		setSound(page.player.sound);
	}}, icon("mute"));
	let clearTold = 0;

	function setSound(on) {
		sound.setAttribute("aria-pressed", String(on));
		fill(sound, icon(on ? "sound" : "mute"));
	}

	/** Where the camera's sound may not be listened to there is no button, and none is on. */
	function offerSound(may) {
		sound.hidden = !may;
		if (!may)
			page.player.sound = false;
		setSound(page.player.sound);
	}

	function toggle() {
		page.player.playing ? page.player.pause() : page.player.play();
		setPlaying(page.player.playing);
	}

	function setPlaying(playing) {
		if (playButton.dataset.playing === String(playing))
			return;
		playButton.dataset.playing = String(playing);
		fill(playButton, icon(playing ? "pause" : "play"));
		playButton.setAttribute("aria-label", playing ? "Pause" : "Play");
	}

	function setRate(rate) {
		page.player.setRate(rate);
		speed.value = String(rate);
	}

	function faster(by) {
		setRate(RATES[Math.min(Math.max(RATES.indexOf(page.player.rate) + by, 0), RATES.length - 1)]);
	}

	function tell(words) {
		say(told, words);
		clearTimeout(clearTold);
		clearTold = setTimeout(() => say(told, ""), 8000);
	}

	async function step(direction) {
		await page.player.step(direction);
		setPlaying(false);
	}

	const form = h("form.jump", {onsubmit(event) {
		event.preventDefault();
		const ms = format.fromLocal(jump.value);
		Number.isNaN(ms) ? tell("write a date and a time to jump to") : page.jumpTo(ms);
	}}, jump, h("button", {type: "submit"}, "Jump"));

	const by_key = {
		" ": toggle, k: toggle, ",": () => step(-1), ".": () => step(1),
		n: () => page.neighbour(1), p: () => page.neighbour(-1), l: () => page.goLive(),
		"<": () => faster(-1), ">": () => faster(1), "[": () => page.clip.mark("from"), "]": () => page.clip.mark("to"),
		"+": () => page.timeline.zoom(0.5), "=": () => page.timeline.zoom(0.5), "-": () => page.timeline.zoom(2),
		ArrowLeft: e => e.shiftKey ? page.timeline.pan(-0.25) : page.seek(page.place - 5000),
		ArrowRight: e => e.shiftKey ? page.timeline.pan(0.25) : page.seek(page.place + 5000),
		PageUp: () => page.timeline.pan(-0.8), PageDown: () => page.timeline.pan(0.8),
	};

	return {
		element: h("div.transport", null,
			h("div.row", null, button("previous", "Previous event", "P", () => page.neighbour(-1)), button("stepback", "One frame back", ",", () => step(-1)),
				playButton, button("step", "One frame on", ".", () => step(1)), button("next", "Next event", "N", () => page.neighbour(1))),
			h("div.row", null, speed, sound, h("button.live-button", {type: "button", title: "Live (L)", data: {do: "live"}, onclick: () => page.goLive()}, icon("live"), h("span", null, "Live")), form),
			told),
		zoom: h("div.zooms", null, button("minus", "Zoom out", "−", () => page.timeline.zoom(2)), button("plus", "Zoom in", "+", () => page.timeline.zoom(0.5)),
			[["1 min", 60], ["1 h", 3600], ["1 day", 86400], ["1 month", 31 * 86400], ["1 year", 366 * 86400]].map(([label, s]) =>
				h("button.quiet", {type: "button", data: {span: s}, onclick: () => { page.timeline.zoom(s * 1000 / page.timeline.view.span); }}, label))),
		setPlaying, setSound, offerSound, tell,
		setNow: ms => { jump.max = format.forInput(ms); if (!jump.value) jump.value = format.forInput(ms); },
		key(event) {
			const t = event.target;
			if (t.closest("input, select, textarea") || event.ctrlKey || event.altKey || event.metaKey)
				return;
			if (t.closest("button, a, summary") && [" ", "Enter"].includes(event.key))
				return; // the button's own
			const fn = event.key === "Enter" && t === page.timeline.canvas ? () => page.seek(page.timeline.middle, true) : by_key[event.key];
			if (fn) {
				event.preventDefault();
				fn(event);
			}
		},
	};
}
