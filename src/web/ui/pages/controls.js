// What a camera lets itself be told: a pad to turn it, presets, its IR cut filter and lamps; its privacy masks are drawn over the
// picture; for admins its masks, its clock, a new start, and who may log in to it.
// SPDX-License-Identifier: Apache-2.0
import {get, post} from "../api.js";
import {fill, h, problem, say} from "../dom.js";
import {actButton} from "../hold.js";
import {camera, mayOperate, site} from "../site.js";

const AGAIN_MS = 1000; // a move ends by itself after two seconds
const ASK_AGAIN_MS = 2000;

const ways = [
	["up", "▲", {tilt: .6}], ["left", "◀", {pan: -.6}], ["right", "▶", {pan: .6}], ["down", "▼", {tilt: -.6}],
	["zoom in", "+", {zoom: .6}], ["zoom out", "−", {zoom: -.6}],
];

const SVG = "http://www.w3.org/2000/svg";

/** Width by height of what is seen within the box. */
const shape = picture => {
	const video = picture.querySelector("video");
	return video?.videoWidth ? video.videoWidth / video.videoHeight : 16 / 9;
};

/** Masks as outlines over the picture, in the camera's own coordinates: -1 to 1, up is more. Fits into the box as the video does. */
function outlines(masks, ratio) {
	const svg = document.createElementNS(SVG, "svg");
	svg.setAttribute("viewBox", `0 0 ${ratio} 1`);
	svg.setAttribute("class", "masks");
	for (const mask of masks.filter(m => m.points.length > 2)) {
		const line = svg.appendChild(document.createElementNS(SVG, "polygon"));
		line.setAttribute("points", mask.points.map(([x, y]) => `${(x + 1) / 2 * ratio},${(1 - y) / 2}`).join(" "));
		line.setAttribute("class", mask.enabled ? "on" : "off");
	}
	return svg;
}

/** Elements that fill themselves when the camera has anything to offer: what it is steered by, and what admins set of it. picture:
 * where masks are drawn. leave() when the page goes. */
export function controlsPanel(name, picture) {
	const box = h("section.controls", {hidden: true, "aria-label": `Controls of ${name}`}), trouble = h("p.why", {role: "status"});
	const own = h("section.controls", {hidden: true, "aria-label": `Settings of ${name}`}), ownTrouble = h("p.why", {role: "status"});
	const path = `/api/cameras/${encodeURIComponent(name)}/controls`;
	let held = 0, drawn = null, shown = [], again = 0, gone = false;

	async function tell(wish, done, where = trouble) {
		try {
			await post(path, wish);
			say(where, done || "");
		} catch (error) {
			say(where, error.message);
		}
	}

	function stop() {
		if (!held)
			return;
		clearInterval(held);
		held = 0;
		tell({move: {}});
	}

	/** Turns as long as it is pressed, by a finger or by the space bar. */
	function way([word, sign, move]) {
		const begin = event => {
			event.preventDefault();
			if (held)
				return;
			tell({move});
			held = setInterval(() => tell({move}), AGAIN_MS);
		};
		const button = h("button.way", {type: "button", "aria-label": `Turn: ${word}`, title: word, data: {way: word.replace(" ", "-")},
			onpointerdown: event => { button.setPointerCapture(event.pointerId); begin(event); }, onpointerup: stop, onpointercancel: stop, onlostpointercapture: stop,
			onkeydown: event => { if ([" ", "Enter"].includes(event.key) && !event.repeat) begin(event); }, onkeyup: stop, onblur: stop,
			oncontextmenu: event => event.preventDefault()}, sign);
		return button;
	}

	function draw(masks = shown) {
		shown = masks;
		drawn?.remove();
		drawn = masks.length ? picture.appendChild(outlines(masks, shape(picture))) : null;
	}
	picture.querySelector("video")?.addEventListener("resize", () => draw());

	/** Tells, and shows what became of it. */
	const change = (wish, done, where) => tell(wish, done, where).then(() => get(path)).then(show, () => {});

	/** A corner on each side of two that are dragged over the picture. */
	function cover() {
		say(trouble, "drag over what nobody is to see");
		const at = event => {
			const box = picture.getBoundingClientRect(), ratio = shape(picture);
			const width = Math.min(box.width, box.height * ratio), height = width / ratio; // the video stands in the middle of the box
			const part = (v, size) => Math.max(-1, Math.min(1, v / size * 2));
			return [part(event.clientX - box.left - box.width / 2, width), -part(event.clientY - box.top - box.height / 2, height)];
		};
		picture.style.touchAction = "none";
		picture.addEventListener("pointerdown", down => {
			const [x1, y1] = at(down);
			down.preventDefault();
			picture.setPointerCapture(down.pointerId);
			picture.addEventListener("pointerup", up => {
				const [x2, y2] = at(up);
				picture.style.touchAction = "";
				if (Math.abs(x1 - x2) < .02 || Math.abs(y1 - y2) < .02)
					say(trouble, "that was too small");
				else
					change({mask: {points: [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]}}, "it is covered");
			}, {once: true});
		}, {once: true});
	}

	function maskRow(m, admin) {
		const what = `${m.token}${m.type ? ` (${m.type.toLowerCase()})` : ""}`;
		const on = h("input", {type: "checkbox", disabled: !admin, onchange: () => change({mask: {token: m.token, enabled: on.checked}}, "told")});
		on.checked = m.enabled;
		return h("div.mask", {data: {token: m.token}}, h("label", null, on, " ", what),
			admin ? actButton("Remove", () => change({mask: {token: m.token, remove: true}}, "it is gone"), {held: true, about: "press and hold"}) : null);
	}

	function show(c) {
		const parts = [], settings = [], admin = site.me.role === "admin", warnings = camera(name)?.onvif?.warnings || [];
		draw(c.masks || []);
		if (c.ptz)
			parts.push(h("div.pad", null, ways.map(way)));
		if (c.presets.length)
			parts.push(h("div.presets", null, c.presets.map(p => actButton(p.name, () => tell({preset: p.token}, `goes to ${p.name}`), {about: "preset"}))));
		if (c.ir_cut) {
			const mode = h("select", {onchange: () => tell({ir_cut: mode.value}, "told")}, [["auto", "by itself"], ["on", "day (filter in)"], ["off", "night (filter out)"]].map(([v, t]) => h("option", {value: v}, t)));
			mode.value = c.ir_cut;
			parts.push(h("label.field", null, "Day and night", mode));
		}
		if (c.auxiliary.length)
			parts.push(h("div.presets", null, c.auxiliary.map(w => actButton(w.replace(/^tt:/, "").replace("|", " "), () => tell({auxiliary: w}, "told")))));
		if (c.masks && (c.masks.length || admin))
			parts.push(h("div.mask-list", null, h("span.field", null, "Privacy masks"), c.masks.map(m => maskRow(m, admin)),
				admin ? h("button", {type: "button", data: {act: "cover"}, onclick: cover}, "Cover a part …") : null));
		if (admin && c.ntp !== undefined && c.ntp !== null) {
			const servers = h("input", {name: "ntp", value: c.ntp, placeholder: c.ntp_from_dhcp ? "named by DHCP" : "pool.ntp.org", autocomplete: "off"});
			settings.push(h("form.field", {onsubmit: event => { event.preventDefault(); change({ntp: servers.value.trim()}, "it keeps its time by them from now on", ownTrouble); }},
				h("label.field", null, "Time servers (empty: as DHCP says)", servers), h("button", null, "Set")));
		}
		if (c.users?.length)
			parts.push(h("p.facts", null, `May log in to it: ${c.users.join(", ")}`));
		if (admin)
			settings.push(h("div.presets", null, actButton("Set its clock", () => tell({set_clock: true}, "its clock was set", ownTrouble), {about: "to the time of this Pigtail"}),
				actButton("Restart it", () => tell({reboot: true}, "it restarts; this takes a minute or two", ownTrouble), {held: true, about: "press and hold"})));
		fill(box, h("h2", null, "Controls"), warnings.map(w => h("p.why.warning", null, `Warning: ${w}`)), h("div.control-row", null, parts), trouble);
		box.hidden = !parts.length && !warnings.length;
		fill(own, h("h2", null, "The camera itself"), h("div.control-row", null, settings), ownTrouble);
		own.hidden = !settings.length;
	}

	/** Again and again until it answers: a camera that was just added is not known yet, one that restarts is away for a while. */
	function ask() {
		const c = camera(name), later = () => { again = setTimeout(ask, ASK_AGAIN_MS); };
		if (!mayOperate() || (c && !c.source.startsWith("onvif")))
			return;
		if (!c) {
			later();
			return;
		}
		get(path).then(answer => { if (!gone) show(answer); }).catch(error => {
			if (gone)
				return;
			fill(box, h("h2", null, "Controls"), problem(error));
			box.hidden = false;
			later();
		});
	}

	ask();
	return {element: box, settings: own, leave() { gone = true; clearTimeout(again); stop(); draw([]); }};
}
