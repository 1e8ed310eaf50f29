// What comes to the front on every page: the strip of a raised alarm, and the camera that a rule wants looked at.
// SPDX-License-Identifier: Apache-2.0
import {centre, followAlarm, openAlarms} from "./alarm.js";
import {listen} from "./api.js";
import {fill, h, icon, say} from "./dom.js";
import * as format from "./format.js";
import {link, where} from "./router.js";
import {camera, follow, mayOperate, now} from "./site.js";
import {Tile} from "./tile.js";

const SHOWN_MS = 300000; // a wall that nobody touches goes back to what it was

let strip = null, front = null; // made once, whoever logs in

/** Delays are told here too: they run whatever page is looked at. */
export function alarmStrip() {
	return strip ??= makeStrip();
}

/** For operators; the bus tells of no camera that somebody may not see. */
export function cameraToTheFront() {
	return (front ??= makeFront()).element;
}

/** Nobody is logged in any more. */
export function clearFront() {
	front?.hide();
}

function makeStrip() {
	const words = h("span"), element = h("a.alarm-strip", {href: link("alarm"), role: "alert", hidden: true}, icon("state-active"), words);
	followAlarm(() => {
		const raised = openAlarms().filter(a => a.state === "raised"), entry = centre.zones.find(z => z.entry_in_s !== undefined);
		element.hidden = !raised.length && !entry;
		element.classList.toggle("entry", !raised.length);
		if (raised.length)
			say(words, `${raised.length > 1 ? `${raised.length} alarms: ` : "Alarm: "}${raised[0].text} · ${format.clock(Date.parse(raised[0].last))}`);
		else if (entry)
			say(words, `${entry.name} was opened: disarm, or an alarm is raised`);
	});
	return element;
}

function makeFront() {
	const title = h("b"), why = h("span"), box = h("div.front-picture"), open = h("a.button");
	const close = h("button.quiet", {"aria-label": "Close", onclick: hide}, icon("cross"));
	const element = h("section.front", {"aria-label": "A camera to look at", hidden: true}, h("header", null, h("p", null, title, " ", why), open, close), box);
	let tile = null, timer = 0;

	function hide() {
		tile?.stop();
		tile = null;
		clearTimeout(timer);
		element.hidden = true;
	}

	function show(event) {
		const name = event.source.replace("camera/", ""), view = where();
		if (!mayOperate() || !camera(name))
			return;
		hide();
		if (view.page === "live" && view.name === name)
			return; // it is looked at
		say(title, `Look at ${name}`);
		say(why, `${format.clock(Date.parse(event.time))}${format.whom(event.actor)}${event.detail ? `: ${event.detail}` : ""}`);
		open.href = link("live", name);
		fill(open, icon("live"), h("span", null, "Open"));
		tile = new Tile(name, camera(name).streams.sub ? "sub" : "main");
		fill(box, tile.element);
		element.hidden = false;
		tile.start();
		timer = setTimeout(hide, SHOWN_MS);
	}

	listen((kind, event) => { if (kind === "event" && event.topic === "show" && now() - Date.parse(event.time) < SHOWN_MS) show(event); });
	follow(() => tile?.update());
	addEventListener("hashchange", () => { const view = where(); if (tile && view.page === "live" && view.name === tile.name) hide(); });
	return {element, hide};
}
