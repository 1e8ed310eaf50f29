// The frame around the pages: who is here, which page is open, whether the hub answers.
// SPDX-License-Identifier: Apache-2.0
import {bus, get, listen, onLoggedOut, post, startBus, stopBus} from "./api.js";
import {devicePart} from "./devices.js";
import {fill, h, icon, say} from "./dom.js";
import * as format from "./format.js";
import {alarmStrip, cameraToTheFront, clearFront} from "./front.js";
import {go, where} from "./router.js";
import {every, follow, now, refresh, site} from "./site.js";
import * as login from "./pages/login.js";
import * as live from "./pages/live.js";
import * as time from "./pages/time.js";
import * as plugs from "./pages/plugs.js";
import * as events from "./pages/events.js";
import * as system from "./pages/system.js";
import * as alarm from "./pages/alarm.js";
import * as add from "./pages/add.js";
import * as gaps from "./pages/gaps.js";
import * as proof from "./pages/proof.js";

const pages = {live, time, plugs, events, system, alarm, add, gaps, proof};
const menu = ["live", "time", "plugs", "events", "system", "alarm"]; // add is reached from live, gaps and proof from time and system
const titles = {live: "Live", time: "Timeline", plugs: "Plugs", events: "Events", system: "System", alarm: "Alarm", add: "Add a camera", gaps: "Gaps", proof: "Proof of recording"};

let current = null; // {page, name, view: what mount() gave}
let shell = null, main = null;

/** #login=TOKEN of the first start's link: used once, and gone from the address and the history before anything else. */
function linkToken() {
	const [, token, page] = /^#login=([\w-]+)(?:&to=(\w+))?$/.exec(location.hash) || [];
	if (token)
		history.replaceState(null, "", `${location.pathname}#/${page || "live"}`);
	return token;
}

function showLogin(message) {
	leave();
	clearFront();
	stopBus();
	shell = null;
	fill(document.body, login.mount({message, done: start}));
}

function leave() {
	current?.view.leave();
	current = null;
}

function open() {
	const {page: wanted, name, values} = where();
	const page = pages[wanted] ? wanted : "live";
	if (!shell)
		return;
	for (const a of shell.querySelectorAll("nav a"))
		a.dataset.page === page ? a.setAttribute("aria-current", "page") : a.removeAttribute("aria-current");
	document.title = `${titles[page]}${name ? " " + name : ""} · ${site.name}`;
	if (current?.page === page && current.view.update?.(name, values))
		return;
	leave();
	main.className = "page-" + page;
	fill(main);
	current = {page, view: pages[page].mount(main, name, values)};
	scrollTo(0, 0);
}

function navigation() {
	return h("nav", {"aria-label": "Pages"}, menu.map(page =>
		h("a", {href: "#/" + page, data: {page}}, icon(page), h("span", null, titles[page]))));
}

function who() {
	const menu = h("div.menu", {id: "who-menu", hidden: true},
		h("p", null, "Logged in as ", h("b", null, site.me.user), h("br"), `role: ${site.me.role}`),
		devicePart(), h("button", {id: "log-out", onclick: logout}, "Log out"));
	const button = h("button.quiet.who", {"aria-expanded": "false", "aria-controls": "who-menu", "aria-label": `${site.me.user}, ${site.me.role}: menu`,
		onclick: () => toggle(menu.hidden)}, icon("person"), h("span", null, site.me.user));
	function toggle(opened) {
		menu.hidden = !opened;
		button.setAttribute("aria-expanded", String(opened));
	}
	document.addEventListener("click", event => { if (!box.contains(event.target)) toggle(false); });
	document.addEventListener("keydown", event => { if (event.key === "Escape") toggle(false); });
	const box = h("div.who-box", null, button, menu);
	return box;
}

function build() {
	const clock = h("time.site-clock"), name = h("span.site-name");
	const banner = h("p.banner", {role: "status", hidden: true}, icon("state-connecting"),
		h("span", null, "Connection to Pigtail lost: what is shown may be old. Trying again …"));
	main = h("main", {id: "main", tabindex: "-1"});
	shell = h("div.shell", null,
		h("a.skip", {href: "#main", onclick: event => { event.preventDefault(); main.focus(); }}, "Skip to the page"),
		h("header", null, name, navigation(), h("div.right", null, clock, who())), banner, alarmStrip(), cameraToTheFront(), main);
	fill(document.body, shell);
	const tick = () => {
		say(name, site.name);
		say(clock, format.clock(now()));
		clock.title = `${format.date(now())}, ${format.zoneName()}`;
	};
	every(250, tick);
	follow(tick);
	let lost = 0;
	listen(kind => {
		clearTimeout(lost);
		if (kind === "open")
			banner.hidden = true;
		else if (!bus.connected)
			lost = setTimeout(() => { banner.hidden = bus.connected; }, 1500);
	});
}

async function logout() {
	await post("/api/logout", {}).catch(() => {});
	showLogin("You are logged out.");
}

async function start() {
	try {
		site.me = await get("/api/me");
	} catch (error) {
		return showLogin(error.message);
	}
	if (site.me.role === "none")
		return showLogin("");
	build();
	await refresh();
	startBus();
	open();
}

function keys(event) {
	if (event.target.closest("input, select, textarea") || event.ctrlKey || event.altKey || event.metaKey)
		return;
	const page = Object.keys(pages)[Number(event.key) - 1];
	if (page && shell)
		go(page);
}

async function begin() {
	const token = linkToken();
	let message = "";
	if (token)
		await post("/api/login", {token}).catch(error => { message = error.message; });
	onLoggedOut(() => { if (shell) showLogin("Your login has ended: log in again."); });
	addEventListener("hashchange", () => {
		if (/^#login=/.test(location.hash))
			begin();
		else
			open();
	});
	if (message)
		showLogin(message);
	else
		await start();
}

addEventListener("keydown", keys);
begin();
