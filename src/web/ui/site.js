// What all pages share: the site, its cameras, who is logged in, and the site's clock.
// SPDX-License-Identifier: Apache-2.0
import {get, listen} from "./api.js";
import {setZone} from "./format.js";

export const site = {name: "Pigtail", cameras: [], loaded: false, error: null, ahead: 0, me: {user: "", role: "none"}};
const followers = new Set();

/** The site's time in ms: this device's clock, set right by the server's. */
export const now = () => Date.now() + site.ahead;

export const camera = name => site.cameras.find(c => c.name === name);
export const mayOperate = () => ["operator", "admin"].includes(site.me.role);

/** A camera's state is that of its main stream; the sub stream follows it nearly always. */
export function stateOf(c) {
	const stream = c.streams.main || c.streams.sub;
	return stream ? stream.state : "unknown";
}

export const video = stream => stream?.tracks.find(t => t.kind === "video");

export function take(answer, began) {
	const middle = (began + Date.now()) / 2;
	site.name = answer.site.name;
	site.ahead = Date.parse(answer.site.now) - middle;
	site.cameras = answer.cameras;
	site.loaded = true;
	site.error = null;
	setZone(answer.site.timezone);
	for (const fn of [...followers])
		fn();
}

let running = null;
export function refresh() {
	running ||= (async () => {
		const began = Date.now();
		try {
			take(await get("/api/cameras"), began);
		} catch (error) {
			site.error = error;
			for (const fn of [...followers])
				fn();
		} finally {
			running = null;
		}
	})();
	return running;
}

/** fn() after each news of the cameras; returns the function that ends it. */
export function follow(fn) {
	followers.add(fn);
	return () => followers.delete(fn);
}

/** fn() now and every so many ms while the page is looked at; returns the function that ends it. */
export function every(ms, fn) {
	const timer = setInterval(() => { if (!document.hidden) fn(); }, ms);
	fn();
	return () => clearInterval(timer);
}

listen((kind, event) => {
	if (kind === "open" || (kind === "event" && (event.topic === "stream" || event.topic === "motion")))
		refresh();
});
