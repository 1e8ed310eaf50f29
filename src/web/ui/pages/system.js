// How well it all runs: streams, archive, daemon, web; for administrators the people too.
// SPDX-License-Identifier: Apache-2.0
import {get} from "../api.js";
import {fill, h, icon, problem, state} from "../dom.js";
import * as format from "../format.js";
import {link} from "../router.js";
import {every, take} from "../site.js";
import {table} from "./table.js";

const dash = "–";

function facts(title, pairs, ...more) {
	return h("section.facts-card", null, h("h2", null, title), h("dl", null, pairs.filter(Boolean).map(([k, v]) => [h("dt", null, k), h("dd", null, v)])), more);
}

function streamRows(cameras) {
	const rows = [];
	for (const c of cameras)
		for (const [name, s] of Object.entries(c.streams))
			rows.push(streamRow(c, name, s));
	return rows;
}

function streamRow(c, name, s) {
	const sum = key => s.tracks.reduce((n, t) => n + (t[key] || 0), 0), video = s.tracks.find(t => t.kind === "video");
	const since = s.since ? format.stamp(Date.parse(s.since)) : dash, packets = sum("packets"), lost = sum("lost_packets");
	return [`${c.name} / ${name}`, h("span", {title: "since " + since}, state(s.state)),
		video ? `${video.codec.toUpperCase()} ${video.width} × ${video.height}` : dash,
		s.tracks.length ? format.bitrate(sum("bitrate")) : dash, video ? `${video.fps.toFixed(1)} fps` : dash,
		packets ? `${format.count(lost)} of ${format.count(packets)} packets` : "no packets counted",
		sum("dropped_samples") ? `${format.count(sum("dropped_samples"))} frames` : "0 frames",
		s.clock_offset_ms === undefined ? "not known" : `${Math.abs(s.clock_offset_ms) < 0.5 ? "" : s.clock_offset_ms > 0 ? "+" : "−"}${format.duration(s.clock_offset_ms)}`,
		`${s.reconnects}`, s.reason || "none"];
}

const latency = l => `half within ${l.p50.toFixed(0)} ms, 99 % within ${l.p99.toFixed(0)} ms, longest ${l.max.toFixed(0)} ms`;
const wear = w => w.used_percent === undefined ? "says nothing of its wear" : `up to ${w.used_percent} % of its life used${w.end_of_life && w.end_of_life !== "normal" ? `, ${w.end_of_life}` : ""}`;

function archiveCard(a) {
	if (a.disk_bytes === undefined)
		return facts("Archive", [], problem({message: a.problem || "the archive is not open"}));
	const used = 1 - a.free_bytes / a.disk_bytes;
	return facts("Archive", [
		["Folder", a.path], ["State", a.problem ? state("not recording", "fault") : state("well", "live")], ["Footage", format.bytes(a.bytes)],
		["Disk", `${format.bytes(a.free_bytes)} free of ${format.bytes(a.disk_bytes)} (${format.percent(used * 100)} used)`],
		["Written since start", `${format.bytes(a.bytes_written)}, ${format.count(a.samples_written)} frames`],
		["Dropped", `${format.count(a.samples_dropped)} frames`], ["Waiting for the disk", format.bytes(a.queued_bytes)],
		["Sync", latency(a.sync_ms)], ["Write", latency(a.write_ms)],
		...(a.wear ? [["Card", `${a.wear.kind} ${a.wear.name || ""}, ${wear(a.wear)}`]] : []),
		...(a.read_back ? [["Read back", `${format.count(a.read_back.files)} files, ${a.read_back.damaged ? `${a.read_back.damaged} damaged: ${a.read_back.first}` : "all whole"}`]] : []),
	], a.problem ? problem({message: a.problem}) : null, a.over_limit ? problem({message: a.over_limit}) : null);
}

function daemonCards(d, cpu) {
	const w = d.web;
	const extra = Object.entries(d).filter(([k, v]) => ["string", "number"].includes(typeof v) && !["pid", "cpu_s", "memory_bytes", "events_published", "events_dropped"].includes(k));
	return [
		facts("Daemon", [
			["CPU", cpu === null ? "measuring …" : `${format.percent(cpu)} of a core`], ["CPU time", format.duration(d.cpu_s * 1000)],
			["Memory (PSS)", format.bytes(d.memory_bytes)], ["Process", String(d.pid)],
			["Events", `${format.count(d.events_published)} published, ${format.count(d.events_dropped)} dropped`],
			...extra.map(([k, v]) => k.endsWith("_at") || /^\d{4}-\d\d-\d\dT/.test(v) ? [k.replaceAll("_", " "), format.stamp(Date.parse(v))] : [k.replaceAll("_", " "), String(v)]),
		]),
		facts("Web", [
			["Connections", `${w.connections} open, ${w.sockets} of them live`], ["Requests", format.count(w.requests)],
			["Refused", `${w.refused} connections over the limit`], ["Timed out", String(w.timed_out)], ["Too large", String(w.too_large)],
		]),
	];
}

/** What goes out to people and to other programs, and whether it gets there. */
function outCard(d) {
	const n = d.notify, m = d.mqtt, told = n && n.sent + n.failed + n.waiting > 0;
	if (!told && !m)
		return null;
	return facts("Messages", [
		...(told ? [["To people", `${format.count(n.sent)} sent, ${format.count(n.failed)} failed, ${format.count(n.waiting)} waiting`],
			["What became of them", h("a", {href: link("events", "", {topic: "notify"})}, "in the log")]] : []),
		...(m ? [["MQTT broker", state(m.connected ? "connected" : "not connected", m.connected ? "live" : "lost")], ["Events for it", `${format.count(m.sent)} sent, ${format.count(m.waiting)} waiting, ${format.count(m.dropped)} dropped`]] : []),
	], m && !m.connected && m.error ? problem({message: `the broker: ${m.error}`}) : null);
}

/** How a phone comes to trust this hub. */
function trustCard(a) {
	const trouble = a.problem ? problem({message: a.problem}) : null;
	if (!a.address)
		return facts("Trust this hub from a phone", [], trouble);
	return facts("Trust this hub from a phone", [
		["Open there", h("a", {href: a.address}, a.address)], ["SHA-256", h("span.fingerprint", null, a.fingerprint.split(":").map((byte, i) => [i ? [":", h("wbr")] : null, byte]))],
		["Valid until", format.date(Date.parse(a.until))],
	], h("img.qr", {src: "/api/authority/qr.svg", alt: `QR code of ${a.address}`, width: 180, height: 180}),
	h("p.hint", null, "The page there gives the certificate of this hub's authority and says how it is installed. Compare the fingerprint before."), trouble);
}

const toArchive = () => [["gaps", "gap", "Gaps and their filling"], ["proof", "print", "Proof of recording"]].map(([page, sign, words]) =>
	h("a.button.quiet", {href: link(page)}, icon(sign), h("span", null, words)));

export function mount(root) {
	const streams = h("section.scroll"), cards = h("div.cards.wide"), trouble = h("div"), people = h("section"), trust = h("div.cards.wide");
	let before = null, cpu = null, left = false, shown;
	fill(root, h("div.bar", null, h("h1", null, "System"), h("p.counts", null, `times in ${format.zoneName()}`), ...toArchive()), trouble, streams, cards, trust, people);

	async function refresh() {
		const began = Date.now();
		try {
			const answer = await get("/api/state"), at = performance.now();
			if (left)
				return;
			take(answer, began);
			if (before && answer.daemon.pid === before.pid && at > before.at)
				cpu = Math.max(0, (answer.daemon.cpu_s - before.cpu_s) * 100000 / (at - before.at));
			before = {at, cpu_s: answer.daemon.cpu_s, pid: answer.daemon.pid};
			fill(trouble);
			fill(streams, table("Streams", ["Stream", "State", "Picture", "Bit rate", "Frames", "Lost", "Dropped", "Clock offset", "Reconnects", "Last problem"], streamRows(answer.cameras)));
			const authority = answer.daemon.authority, seen = JSON.stringify(authority);
			if (seen !== shown) // the code is not fetched anew each time
				fill(trust, seen ? trustCard(authority) : null);
			shown = seen;
			fill(cards, archiveCard(answer.archive), outCard(answer.daemon), daemonCards(answer.daemon, cpu));
		} catch (error) {
			fill(trouble, problem(error));
		}
	}
	const end = every(2000, refresh);
	return {
		leave() {
			left = true;
			end();
		},
	};
}
