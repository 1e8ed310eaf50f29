// Shows what the hub pushes, also while no page is open; a tap opens the moment on the timeline.
// SPDX-License-Identifier: Apache-2.0

const PAUSES_MS = [2500, 1500, 3000, 4000]; // before each try: the archive comes a little later than the message

const sleep = ms => new Promise(done => setTimeout(done, ms));

/** What the camera saw a second before, as whoever is logged in on this device may see it; null: nothing, or no way to the hub. */
async function picture(m) {
	const path = `/api/cameras/${encodeURIComponent(m.camera)}/picture.jpg?width=640&at=${(m.time / 1000 - 1).toFixed(3)}`;
	let response;
	for (const pause of PAUSES_MS) {
		await sleep(pause);
		response = await fetch(path, {cache: "no-store", signal: AbortSignal.timeout(5000)}).catch(() => null);
		if (response?.ok)
			break;
	}
	if (!response?.ok)
		return null;
	const blob = await response.blob();
	return new Promise(done => {
		const reader = new FileReader();
		reader.onloadend = () => done(reader.result);
		reader.readAsDataURL(blob);
	});
}

/** The words at once; the picture is put to them when it is there, unless somebody has seen them already. */
async function show(m) {
	const at = new Date(m.time || Date.now()).toISOString();
	const options = {
		body: m.text, tag: m.tag, timestamp: m.time, icon: "/ui/icon-192.png",
		data: m.camera ? `/#/time/${encodeURIComponent(m.camera)}?at=${at}&span=60` : "/#/events",
	};
	await registration.showNotification(m.title, options);
	const image = m.camera && m.tag ? await picture(m) : null;
	if (image && (await registration.getNotifications({tag: m.tag})).length)
		await registration.showNotification(m.title, {...options, image, silent: true});
}

addEventListener("push", event => event.waitUntil(show(event.data?.json() || {title: "Pigtail", text: "Something has happened"})));

addEventListener("notificationclick", event => {
	event.notification.close();
	event.waitUntil(clients.openWindow(event.notification.data));
});
