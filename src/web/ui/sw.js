// Shows what the hub pushes, also while no page is open; a tap opens the moment on the timeline.
// SPDX-License-Identifier: Apache-2.0
addEventListener("push", event => {
	const m = event.data?.json() || {title: "Pigtail", text: "Something has happened"};
	const at = new Date(m.time || Date.now()).toISOString();
	event.waitUntil(registration.showNotification(m.title, {
		body: m.text, tag: m.tag, timestamp: m.time, icon: "/ui/icon.svg",
		data: m.camera ? `/#/time/${encodeURIComponent(m.camera)}?at=${at}&span=60` : "/#/events",
	}));
});

addEventListener("notificationclick", event => {
	event.notification.close();
	event.waitUntil(clients.openWindow(event.notification.data));
});
