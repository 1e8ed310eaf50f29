// What a camera says of motion: in words, and the outline of its zones over the picture.
// SPDX-License-Identifier: Apache-2.0
import * as format from "./format.js";
import {video} from "./site.js";

const SVG = "http://www.w3.org/2000/svg";

/** "motion", "no motion, the last at 12:00:01", or why nothing is seen; "": it is not looked for. */
export function motionWords(motion) {
	if (!motion)
		return "";
	if (motion.state === "unknown")
		return `motion is not seen: ${motion.reason}`;
	if (motion.state === "motion")
		return "motion";
	return motion.moved ? `no motion, the last at ${format.stamp(Date.parse(motion.moved))}` : "no motion yet";
}

/** Lies over a .picture as its video does; null: the whole picture counts. */
export function zoneOutline(camera) {
	const zones = camera?.motion?.zones || [], track = video(camera?.streams.main) || video(camera?.streams.sub);
	if (!zones.length)
		return null;
	const w = track?.width || 16, h = track?.height || 9;
	const svg = document.createElementNS(SVG, "svg");
	svg.setAttribute("class", "zones");
	svg.setAttribute("viewBox", `0 0 ${w} ${h}`);
	svg.setAttribute("role", "img");
	svg.setAttribute("aria-label", "zones in which motion is looked for");
	for (const zone of zones) {
		const polygon = document.createElementNS(SVG, "polygon");
		polygon.setAttribute("points", zone.corners.map(([x, y]) => `${x * w},${y * h}`).join(" "));
		polygon.setAttribute("class", zone.exclude ? "exclude" : "include");
		svg.append(polygon);
	}
	return svg;
}
