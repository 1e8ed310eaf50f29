// Times in the site's zone, and numbers with their units. Times are milliseconds UTC everywhere in these pages.
// SPDX-License-Identifier: Apache-2.0

let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
let parts = maker();
const offsets = new Map(); // quarter of an hour → offset

function maker() {
	return new Intl.DateTimeFormat("en-GB", {
		timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
		hour: "2-digit", minute: "2-digit", second: "2-digit", weekday: "short",
	});
}

export function setZone(name) {
	if (!name || name === zone)
		return;
	try {
		new Intl.DateTimeFormat("en-GB", {timeZone: name});
	} catch {
		return; // a zone this browser does not know: its own is shown, with its name
	}
	zone = name;
	parts = maker();
	offsets.clear();
}

export const zoneName = () => zone;

/** What the site's clock is ahead of UTC at that instant, in ms. Zones change at quarters of an hour at the finest. */
export function offset(ms) {
	const key = Math.floor(ms / 900000);
	if (!offsets.has(key)) {
		const p = Object.fromEntries(parts.formatToParts(key * 900000).map(x => [x.type, x.value]));
		offsets.set(key, Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - key * 900000);
		if (offsets.size > 5000)
			offsets.clear();
		return offset(ms);
	}
	return offsets.get(key);
}

const occasions = {start: "at the start", stop: "at the stop", return: "when the device came back"};

/** Who gave an order, with a space in front: " by user/otto", " at the start"; "" for nobody. */
export const whom = actor => actor ? ` ${occasions[actor] ?? `by ${actor}`}` : "";

const two = n => String(n).padStart(2, "0");
const local = ms => new Date(ms + offset(ms));

/** The instant of a local time of the site ("2026-11-22T14:03:22.5"); NaN when it is none. Of the two of an autumn night the
 * first. */
export function fromLocal(text) {
	const as_utc = Date.parse(text + "Z");
	if (Number.isNaN(as_utc))
		return NaN;
	const guess = as_utc - offset(as_utc - 86400000);
	return guess + offset(guess) === as_utc ? guess : as_utc - offset(as_utc + 86400000);
}

export const date = ms => { const d = local(ms); return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`; };
export const clock = ms => { const d = local(ms); return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`; };
export const minute = ms => clock(ms).slice(0, 5);
export const millis = ms => "." + String(((Math.floor(ms) % 1000) + 1000) % 1000).padStart(3, "0");
export const stamp = ms => `${date(ms)} ${clock(ms)}`;
export const exact = ms => stamp(ms) + millis(ms);
export const forInput = ms => `${date(ms)}T${clock(ms)}`;
export const weekday = ms => ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][local(ms).getUTCDay()];
export const month = ms => ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][local(ms).getUTCMonth()];
export const dayOfMonth = ms => local(ms).getUTCDate();
export const year = ms => local(ms).getUTCFullYear();

/** A text of the log, with the times in it as the site has them. */
export const localTimes = text => (text || "").replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, time => stamp(Date.parse(time)));

/** "12 s", "3 min 20 s", "5 h 12 min", "3 d 4 h" */
export function duration(ms) {
	const s = Math.abs(ms) / 1000;
	if (s < 1)
		return `${Math.round(Math.abs(ms))} ms`;
	if (s < 10)
		return `${s.toFixed(1)} s`;
	if (s < 60)
		return `${Math.round(s)} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

/** Only ever shown beside the exact time. */
export function ago(ms, now) {
	const s = (now - ms) / 1000;
	if (s < 5)
		return "just now";
	if (s < 60)
		return `${Math.floor(s)} s ago`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min ago`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ago`;
	return `${Math.floor(s / 86400)} d ago`;
}

function scaled(n, base, units, digits = 1) {
	let i = 0;
	while (Math.abs(n) >= base && i < units.length - 1) {
		n /= base;
		i++;
	}
	return `${i && n < 100 ? n.toFixed(digits) : Math.round(n)} ${units[i]}`;
}

export const bytes = n => scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
export const bitrate = n => scaled(n, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]);
export const count = n => String(n).replace(/\B(?=(\d{3})+$)/g, "\u2009");
export const percent = n => `${n < 10 ? n.toFixed(1) : Math.round(n)} %`;
