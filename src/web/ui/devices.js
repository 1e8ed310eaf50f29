// "Notify me on this device": registers this browser with its push service and with the hub, or says why that cannot be.
// SPDX-License-Identifier: Apache-2.0
import {del, get, post} from "./api.js";
import {fill, h, problem} from "./dom.js";

const iPhone = /iPhone|iPad/.test(navigator.userAgent);

/** null: it can. */
function obstacle() {
	if (!isSecureContext)
		return "Messages to this device need a certificate that it trusts: see web.tls in the site file.";
	if (!("serviceWorker" in navigator) || !("PushManager" in window))
		return iPhone ? "First put this page on the home screen (Share, then Add to Home Screen), and open it from there." : "This browser knows no Web Push.";
	if (Notification.permission === "denied")
		return "This browser was told to show no messages of this page: allow them in its settings for this site.";
	return null;
}

const bytes = text => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), c => c.charCodeAt(0));
const worker = () => navigator.serviceWorker.register("/ui/sw.js");

/** What somebody finds it by in a list: "Chrome on Android". */
function label() {
	const agent = navigator.userAgent;
	const first = list => list.find(([pattern]) => pattern.test(agent))?.[1];
	const browser = first([[/Firefox/, "Firefox"], [/Edg/, "Edge"], [/Chrome|CriOS/, "Chrome"], [/Safari/, "Safari"]]) || "a browser";
	const system = first([[/Android/, "Android"], [/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Windows/, "Windows"], [/Mac OS/, "macOS"], [/Linux/, "Linux"]]);
	return system ? `${browser} on ${system}` : browser;
}

async function id(subscription) {
	const sum = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(subscription.endpoint));
	return [...new Uint8Array(sum)].map(b => b.toString(16).padStart(2, "0")).join("").slice(0, 16);
}

async function turnOn() {
	if (await Notification.requestPermission() !== "granted")
		throw new Error("Without the browser's permission nothing can be shown.");
	const registration = await worker(), {key} = await get("/api/devices");
	const wanted = {userVisibleOnly: true, applicationServerKey: bytes(key)};
	// one that was made with another hub's key has to go first
	const subscription = await registration.pushManager.subscribe(wanted).catch(async () => {
		await (await registration.pushManager.getSubscription())?.unsubscribe();
		return registration.pushManager.subscribe(wanted);
	});
	const {endpoint, keys} = subscription.toJSON();
	await post("/api/devices", {endpoint, ...keys, label: label()});
}

async function turnOff(subscription) {
	await del("/api/devices/" + await id(subscription)).catch(() => {});
	await subscription.unsubscribe();
}

/** The part of the person's menu. */
export function devicePart() {
	const button = h("button", {hidden: true, onclick: act}, ""), trouble = h("div");
	let subscription = null;

	async function look() {
		const why = obstacle();
		button.hidden = Boolean(why);
		if (why)
			return void fill(trouble, h("p.hint", null, why));
		const registration = await navigator.serviceWorker.getRegistration("/ui/");
		const known = (await get("/api/devices")).devices;
		subscription = await registration?.pushManager.getSubscription() || null;
		const own = subscription && await id(subscription);
		if (!known.some(device => device.id === own))
			subscription = null; // the hub has forgotten it, or it is somebody else's
		fill(button, subscription ? "Notify me here no more" : "Notify me on this device");
	}

	async function act() {
		button.disabled = true;
		fill(trouble);
		try {
			await (subscription ? turnOff(subscription) : turnOn());
			await look();
		} catch (error) {
			fill(trouble, problem(error));
		}
		button.disabled = false;
	}

	look().catch(error => fill(trouble, problem(error)));
	return h("div.device", null, button, trouble);
}
