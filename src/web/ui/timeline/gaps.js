// What is missing, what is done about it, and how both are said. A gap is what /api/timeline, /api/backfill and /api/proof
// give: cause, reason, and of the job that fills it job, job_reason, waits, reached.
// SPDX-License-Identifier: Apache-2.0
import * as format from "../format.js";
import {now} from "../site.js";

const YOUNG_MS = 15000; // until then nobody may have looked at it yet

const unwanted = {policy: "nobody wanted it recorded", clock: "the hub's clock was set, nothing is missing"};
const under_way = new Set(["asked", "fetching", "verifying"]);

/** Why it is missing, in a word or two. */
export const causes = {
	unknown: "not known", network: "network", camera: "camera", hub: "hub was off", disk: "disk",
	policy: "not wanted", clock: "clock was set",
};

/** How it is drawn: "missing", "fetching", "lost" (nothing can be done), "unwanted". onvif: the camera is reached by it, and may be asked. */
export function gapKind(gap, onvif) {
	if (unwanted[gap.cause])
		return "unwanted";
	if (under_way.has(gap.job))
		return "fetching";
	return gap.job === "partly" || gap.job === "impossible" || (!onvif && gap.end) ? "lost" : "missing";
}

const states = { // [word, kind of the icon]
	found: ["waiting", "waiting"], asked: ["asking the camera", "fetching"], fetching: ["being fetched", "fetching"],
	verifying: ["being checked", "fetching"], filled: ["filled", "filled"], partly: ["partly filled", "partly"],
	impossible: ["not recoverable", "lost"],
};

/** [word, kind]: the state of a gap, or of a job ({job} alone). */
export function gapState(gap, onvif) {
	if (unwanted[gap.cause])
		return [gap.cause === "policy" ? "not wanted" : "nothing missing", "idle"];
	return states[gap.job] || (gapKind(gap, onvif) === "lost" ? states.impossible : ["missing", "missing"]);
}

/** Whether asking for it can do any good. */
export const canFetch = (gap, onvif) => Boolean(onvif && gap.end && !unwanted[gap.cause] && !under_way.has(gap.job));

/** What becomes of it, in a clause. */
export function fate(gap, onvif) {
	if (unwanted[gap.cause])
		return unwanted[gap.cause];
	const told = [gap.job_reason, gap.waits].filter(Boolean).join("; "), why = told ? `: ${told}` : "";
	switch (gap.job) {
	case "found": return `it waits to be fetched from the camera's card${why}`;
	case "asked": return "the camera is asked what its card has of it";
	case "fetching": return gap.reached ? `it is being fetched, and has come to ${format.clock(gap.reached)}` : "it is being fetched";
	case "verifying": return "it has been fetched and is being checked";
	case "partly": return `the rest of it is not recoverable${why}`;
	case "impossible": return `it is not recoverable${why}`;
	}
	if (!onvif)
		return "it is not recoverable: only cameras by onvif:// can be asked for what they recorded";
	if (now() - gap.end < YOUNG_MS)
		return "the camera will be asked for it";
	return gap.end ? "it is not fetched by itself: the camera was not reached since, replays nothing, is not to be asked, or this stream is not recorded always" : "fetching begins when footage comes again";
}

export function gapWords(name, gap, onvif) {
	const length = gap.end ? `, ${format.duration(gap.end - gap.start)}` : ", still open";
	return `${name}: gap from ${format.stamp(gap.start)} to ${gap.end ? format.clock(gap.end) : "now"}${length}: ${gap.reason}; ${fate(gap, onvif)}`;
}
