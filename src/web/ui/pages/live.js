// The wall of all cameras, and one camera alone.
// SPDX-License-Identifier: Apache-2.0
import {empty, fill, h, icon, problem, say} from "../dom.js";
import * as format from "../format.js";
import {motionWords, zoneOutline} from "../motion.js";
import {link} from "../router.js";
import {camera, every, follow, now, refresh, site, video} from "../site.js";
import {Tile, soundIcon, streamWords} from "../tile.js";
import {controlsPanel} from "./controls.js";
import {cameraPlugs} from "./plugs.js";
import {talkPanel} from "./talk.js";

export function mount(root, name) {
	return name ? single(root, name) : wall(root);
}

// ---- the wall ----

function wall(root) {
	const grid = h("div.wall"), tiles = new Map();
	const full = h("button.quiet", {onclick: () => root.requestFullscreen?.(), title: "Fill the screen (F)"}, icon("wall"), h("span", null, "Fill the screen"));
	const counts = h("p.counts", {role: "status"});
	const more = site.me.role === "admin" && h("a.button.quiet", {href: link("add")}, icon("plus"), h("span", null, "Add a camera"));
	fill(root, h("div.bar", null, h("h1", null, "Live"), counts, more, full), grid);
	const seen = new IntersectionObserver(entries => {
		for (const e of entries)
			e.isIntersecting && !document.hidden ? tiles.get(e.target.dataset.camera)?.tile.start() : tiles.get(e.target.dataset.camera)?.tile.stop();
	}, {rootMargin: "100px"});

	function add(name) {
		const tile = new Tile(name, "sub");
		const a = h("a.tile", {href: link("live", name), data: {camera: name}}, tile.element, h("div.tile-foot", null, h("b", null, name), tile.badge));
		tiles.set(name, {tile, a});
		grid.append(a);
		seen.observe(a);
	}

	function update() {
		if (!site.cameras.length) {
			fill(grid, site.error ? problem(site.error) : empty("No camera yet",
				site.me.role === "admin" ? h("p", null, h("a.button.primary", {href: link("add")}, icon("plus"), h("span", null, "Look for cameras"))) : null,
				"A camera is a few lines in the site file. The test picture needs no hardware:",
				h("pre", null, "cameras:\n  gate: { source: test:clock }\n  yard: { source: rtsp://192.0.2.20/stream1, login: yard }"),
				"Check it with pigtail config check, then send the daemon a SIGHUP (systemctl reload pigtail)."));
			return;
		}
		for (const [name, {tile, a}] of tiles)
			if (!camera(name)) {
				tile.stop();
				a.remove();
				tiles.delete(name);
			}
		for (const c of site.cameras)
			tiles.has(c.name) ? tiles.get(c.name).tile.update() : add(c.name);
		grid.dataset.count = String(Math.min(site.cameras.length, 16));
		const live = site.cameras.filter(c => c.streams.main?.state === "live").length;
		say(counts, `${live} of ${site.cameras.length} ${site.cameras.length === 1 ? "camera" : "cameras"} live`);
	}

	function visible() {
		for (const {tile, a} of tiles.values()) {
			if (document.hidden)
				tile.stop();
			else {
				seen.unobserve(a);
				seen.observe(a); // tells again which ones are in view
			}
		}
	}
	const key = event => { if (event.key === "f" && !event.target.closest("input")) root.requestFullscreen?.(); };
	document.addEventListener("visibilitychange", visible);
	document.addEventListener("keydown", key);
	const ends = [follow(update), every(5000, refresh)];
	update();
	return {
		leave() {
			ends.forEach(end => end());
			document.removeEventListener("visibilitychange", visible);
			document.removeEventListener("keydown", key);
			seen.disconnect();
			tiles.forEach(({tile}) => tile.stop());
		},
	};
}

// ---- one camera ----

function single(root, name) {
	if (!camera(name)) {
		fill(root, empty(`There is no camera '${name}'`, "It may have been renamed in the site file.", h("a", {href: "#/live"}, "All cameras")));
		return {leave() {}};
	}
	const time = h("time.big-time"), behind = h("span.behind"), why = h("p.why", {role: "status"}), facts = h("p.facts");
	const motion = h("p.motion", {role: "status"});
	let zones = null, drawn = "";
	const tile = new Tile(name, "main", {
		time(ms) {
			say(time, format.stamp(ms));
			time.dataset.ms = String(ms);
		},
		stream: (stream, reason) => say(why, reason),
		tracks: tracks => { if (sound.dataset.on === "1" && !tracks.some(t => t.kind === "audio")) say(why, "waiting for sound …"); else if (tile.sound) say(why, ""); },
	});
	const sound = h("button", {hidden: !camera(name).may_listen, data: {on: "0"}, "aria-pressed": "false", onclick: listenIn}, soundIcon(false), h("span", null, "Sound off"));
	const full = h("button", {onclick: () => tile.element.requestFullscreen?.(), title: "Fill the screen (F)"}, icon("wall"), h("span", null, "Fill the screen"));
	const past = h("a.button", {href: "#"}, icon("time"), h("span", null, "Timeline"));
	const still = h("a.button", {download: "", href: `/api/cameras/${encodeURIComponent(name)}/snapshot.jpg`}, icon("save"), h("span", null, "Save picture"));

	function listenIn() {
		const on = sound.dataset.on !== "1";
		sound.dataset.on = on ? "1" : "0";
		sound.setAttribute("aria-pressed", String(on));
		fill(sound, soundIcon(on), h("span", null, on ? "Sound on" : "Sound off"));
		tile.setSound(on);
	}

	function update() {
		tile.update();
		const c = camera(name);
		say(facts, c ? `${tile.playing || "main"}: ${streamWords(c.streams[tile.playing || "main"])}` : "this camera is gone from the site file");
		say(motion, motionWords(c?.motion));
		outline(c);
		past.href = link("time", name, {at: new Date(Math.round(tile.player?.shown || now())).toISOString(), span: 600});
	}

	function outline(c) {
		const wanted = JSON.stringify([c?.motion?.zones, video(c?.streams.main)?.width]);
		if (wanted === drawn)
			return;
		drawn = wanted;
		zones?.remove();
		zones = zoneOutline(c);
		if (zones)
			tile.element.append(zones);
	}

	const controls = controlsPanel(name, tile.element), plugs = cameraPlugs(name);
	fill(root,
		h("div.bar", null, h("a.button.quiet", {href: "#/live", "aria-label": "All cameras"}, icon("back")), h("h1", null, name), tile.badge),
		tile.element,
		h("div.under", null, h("p.shown", null, time, behind), h("div.buttons", null, past, sound, still, full), why, motion, facts), plugs.element, controls.element, talkPanel(name), controls.settings);
	tile.element.classList.add("single");
	tile.start();
	const key = event => {
		if (event.target.closest("input, select"))
			return;
		if (event.key === "f")
			tile.element.requestFullscreen?.();
		if (event.key === "Escape" && !document.fullscreenElement)
			location.hash = "#/live";
	};
	const visible = () => document.hidden ? tile.stop() : tile.start();
	document.addEventListener("visibilitychange", visible);
	document.addEventListener("keydown", key);
	const ends = [follow(update), every(3000, refresh), every(500, () => {
		const s = tile.player?.behind(now());
		say(behind, s >= 0 && s < 60 ? `${s.toFixed(1)} s behind` : "");
	})];
	update();
	return {
		leave() {
			controls.leave();
			plugs.leave();
			ends.forEach(end => end());
			document.removeEventListener("visibilitychange", visible);
			document.removeEventListener("keydown", key);
			tile.stop();
		},
	};
}
