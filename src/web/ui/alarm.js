// The alarm centre as all pages know it: how it stands, asked anew whenever the bus tells that it changed.
// SPDX-License-Identifier: Apache-2.0
import {get, listen} from "./api.js";
import {now} from "./site.js";

export const centre = {loaded: false, error: null, mode: "", modes: [], arming: null, zones: [], alarms: [], at: 0};
const followers = new Set();
let running = false, again = false;

function tell() {
	for (const fn of [...followers])
		fn();
}

/** An answer of the API. Times left count from when it came. */
export function take(answer) {
	Object.assign(centre, answer, {loaded: true, error: null, at: now()});
	tell();
}

/** One question at a time; what changed while it was on its way is asked for once more. */
export async function refreshAlarm() {
	if (running) {
		again = true;
		return;
	}
	running = true;
	try {
		take(await get("/api/alarm"));
	} catch (error) {
		centre.error = error;
		tell();
	}
	running = false;
	if (again) {
		again = false;
		refreshAlarm();
	}
}

/** fn() after each news of it; returns the function that ends it. */
export function followAlarm(fn) {
	followers.add(fn);
	return () => followers.delete(fn);
}

/** Seconds of a delay that was told with `in_s` and runs on since. */
export const left = in_s => Math.max(0, Math.ceil(in_s - (now() - centre.at) / 1000));

/** Not cleared, the most pressing first. */
export const openAlarms = () => centre.alarms.filter(a => a.state !== "cleared")
	.sort((a, b) => (a.state === "raised" ? 0 : 1) - (b.state === "raised" ? 0 : 1) || b.priority - a.priority || b.id - a.id);

listen((kind, event) => {
	if (kind === "open" || (kind === "event" && ["mode", "alarm", "input"].includes(event.topic)))
		refreshAlarm();
});
