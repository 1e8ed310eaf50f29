// The HTTP API and the bus of events, as promises and listeners.
// SPDX-License-Identifier: Apache-2.0

export class ApiError extends Error {
	constructor(status, message) {
		super(message);
		this.status = status;
	}
}

let loggedOut = () => {};
export function onLoggedOut(fn) { loggedOut = fn; }

async function failure(response) {
	const text = await response.text().catch(() => "");
	let sentence = `${response.status} ${response.statusText}`;
	try {
		sentence = JSON.parse(text).error || sentence;
	} catch { /* not ours: the status has to do */ }
	if (response.status === 401 && !response.url.endsWith("/api/login"))
		loggedOut();
	return new ApiError(response.status, sentence);
}

/** The response itself, or an ApiError with the sentence of the server. */
export async function request(method, path, body, signal) {
	let response;
	try {
		response = await fetch(path, {
			method, signal, credentials: "same-origin", cache: "no-store",
			headers: body === undefined ? {} : {"Content-Type": "application/json"},
			body: body === undefined ? undefined : JSON.stringify(body),
		});
	} catch (error) {
		if (error.name === "AbortError")
			throw error;
		throw new ApiError(0, "Pigtail does not answer: is it running, and is this device on its network?");
	}
	if (!response.ok)
		throw await failure(response);
	return response;
}

export const get = async (path, signal) => (await request("GET", path, undefined, signal)).json();
export const post = async (path, body) => (await request("POST", path, body)).json();
export const put = async (path, body) => (await request("PUT", path, body)).json();
export const del = async path => (await request("DELETE", path)).json();

/** "/api/x?a=1", with what is empty left out. */
export function query(path, values) {
	const pairs = Object.entries(values).filter(([, v]) => v !== undefined && v !== null && v !== "");
	return pairs.length ? path + "?" + new URLSearchParams(pairs) : path;
}

export function socketUrl(path) {
	return location.origin.replace(/^http/, "ws") + path;
}

/** Closes a socket, also one that is still on its way (browsers complain when that is broken off). */
export function hangUp(socket) {
	if (socket?.readyState === WebSocket.CONNECTING)
		socket.onopen = () => socket.close();
	else
		socket?.close();
}

/** Milliseconds to wait before attempt n (0, 1, …): 0.5 s doubling to 15 s, spread so that viewers do not come in step. */
export function backoff(attempt) {
	return Math.min(500 * 2 ** attempt, 15000) * (0.75 + Math.random() / 2);
}

// ---- the bus: one socket for all pages ----

const listeners = new Set();
let socket = null, attempt = 0, timer = 0, wanted = false;
export const bus = {connected: false};

function tell(kind, value) {
	for (const fn of [...listeners])
		fn(kind, value);
}

function connect() {
	let received = 0, acked = 0;
	const ws = socket = new WebSocket(socketUrl("/api/bus"));
	ws.onopen = () => {
		attempt = 0;
		bus.connected = true;
		tell("open");
	};
	ws.onmessage = message => {
		received += new TextEncoder().encode(message.data).length;
		if (received - acked > 32768)
			ws.send(`{"ack":${acked = received}}`);
		const event = JSON.parse(message.data);
		tell("skipped" in event ? "skipped" : "event", event);
	};
	ws.onclose = () => {
		if (socket !== ws)
			return;
		bus.connected = false;
		tell("closed");
		if (wanted)
			timer = setTimeout(connect, backoff(attempt++));
	};
}

export function startBus() {
	if (!wanted) {
		wanted = true;
		connect();
	}
}

export function stopBus() {
	wanted = false;
	clearTimeout(timer);
	const ws = socket;
	socket = null;
	bus.connected = false;
	hangUp(ws);
}

/** fn(kind, event): "event", "skipped" ({skipped}), "open" (ask anew: something may have been missed), "closed".
 * Returns the function that ends it. */
export function listen(fn) {
	listeners.add(fn);
	return () => listeners.delete(fn);
}
