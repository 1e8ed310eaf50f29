// Adding a camera: found on the network or named by its address, seen before it is saved, running once it is.
// SPDX-License-Identifier: Apache-2.0
import {post, request} from "../api.js";
import {empty, fill, h, icon, problem} from "../dom.js";
import {link} from "../router.js";
import {refresh, site} from "../site.js";

const PICTURE_EVERY = 1000;

const names = {input: "alarm input", relay: "relay output"};

/** "2 alarm inputs, 1 relay output, sound" */
function plugWords(c) {
	const words = Object.entries(names).map(([kind, word]) => [c.plugs.filter(p => p.kind === kind).length, word])
		.filter(([n]) => n).map(([n, word]) => `${n} ${word}${n > 1 ? "s" : ""}`);
	return words.join(", ") || "no alarm plugs";
}

/** What to do about a camera that could not be asked. */
function remedy(error) {
	if (error.startsWith("401"))
		return ". Its login goes above; many cameras have one for ONVIF alone, made on the camera's own page.";
	if (/refused|no answer/.test(error))
		return ". Is that its address and port, and is ONVIF switched on in the camera?";
	return "";
}

export function mount(root) {
	let left = false;
	const cards = [];
	const user = h("input", {name: "user", autocomplete: "off", spellcheck: "false"}), password = h("input", {type: "password", name: "password", autocomplete: "off"});
	const hosts = h("input", {name: "hosts", placeholder: "192.0.2.20, 192.0.2.21:8080", spellcheck: "false"});
	const button = h("button.primary", {type: "submit"}, icon("live"), h("span", null, "Look for cameras"));
	const status = h("p.dim", {role: "status"}), list = h("div.found");
	const form = h("form", {onsubmit: look}, h("div.fields", null,
		h("label", null, "Login of the cameras", user), h("label", null, "Password", password), h("label", null, "Addresses in other networks (may stay empty)", hosts)), button, status);
	fill(root, h("div.bar", null, h("a.button.quiet", {href: link("live"), "aria-label": "Back to all cameras"}, icon("back")), h("h1", null, "Add a camera")),
		site.me.role === "admin" ? [form, list] : empty("Only an admin may add cameras", "Ask whoever runs this Pigtail, or log in as admin."));

	async function look(event) {
		event.preventDefault();
		button.disabled = true;
		cards.splice(0).forEach(c => c.stop());
		fill(status, "Asking the network for three seconds, then each camera what it has …");
		fill(list);
		try {
			const login = {user: user.value, password: password.value};
			const {cameras} = await post("/api/discover", {...login, hosts: hosts.value});
			if (left)
				return;
			const silent = cameras.filter(c => c.error), asked = cameras.filter(c => !c.error);
			fill(status, cameras.length ? `${asked.length} found${silent.length ? `, ${silent.length} could not be asked` : ""}` : "");
			for (const c of [...asked, ...silent]) {
				const card = new Card(c, login);
				cards.push(card);
				list.append(card.element);
			}
			if (!cameras.length)
				fill(list, empty("No camera answered", "It may be in another network (name its address above), switched off, or have ONVIF turned off in its settings. A camera with RTSP alone is three lines in the site file:",
					h("pre", null, "cameras:\n  yard: { source: rtsp://192.0.2.20/stream1, login: yard }")));
		} catch (error) {
			fill(status);
			fill(list, problem(error));
		} finally {
			button.disabled = false;
		}
	}
	return {
		leave() {
			left = true;
			cards.forEach(c => c.stop());
		},
	};
}

class Card {
	constructor(c, login) {
		this.camera = c;
		this.login = login;
		this.stopped = false;
		this.picture = h("img", {alt: `Picture of ${c.title || c.source}`, hidden: true});
		this.note = h("p.tile-note");
		this.trouble = h("div");
		const known = site.cameras.find(s => s.source === c.source);
		const title = c.title || [c.maker, c.model].filter(Boolean).join(" ") || "Camera";
		this.name = h("input", {value: c.name, maxLength: 40, pattern: "[a-z0-9][a-z0-9_\\-]*", required: true, title: "a-z, 0-9, - and _"});
		this.record = h("select", null, [["always", "always"], ["events", "what rules ask for"], ["never", "never"]].map(([v, t]) => h("option", {value: v}, t)));
		this.save = h("button.primary", {type: "submit"}, icon("plus"), h("span", null, "Add"));
		this.form = h("form.add", {onsubmit: e => this.add(e)}, h("label", null, "Name", this.name), h("label", null, "Record", this.record), this.save);
		this.element = h("article.card.candidate", {data: {source: c.source}},
			!c.error && h("div.picture", null, this.picture, this.note),
			h("div.words", null, h("h2", null, title), h("p.dim", null, c.source, c.model ? ` · ${c.maker} ${c.model}` : ""),
				c.error ? problem(c.error + remedy(c.error)) : [h("p", null, this.streams()), h("p", null, plugWords(c)),
					Math.abs(c.clock_offset_ms) > 2000 && h("p", null, `Its clock is ${Math.round(Math.abs(c.clock_offset_ms) / 1000)} s ${c.clock_offset_ms > 0 ? "ahead" : "behind"}; that is allowed for.`),
					c.warnings.map(w => h("p.why.warning", null, `Warning: ${w}`)),
					c.tls && h("p.dim", null, `By https; kept to the certificate that it shows today (${c.tls.slice(0, 23)}…).`),
					c.notes.length > 0 && h("details", null, h("summary", null, "What could not be read"), h("ul", null, c.notes.map(n => h("li", null, n)))),
					c.plugs.length > 0 && h("details", null, h("summary", null, "Its plugs for the site file"), h("pre", null, c.fragment.split("\n").filter(l => /^(inputs|relays):|driver: onvif/.test(l)).join("\n")))],
				known ? h("p", null, "This camera is here already: ", h("a", {href: link("live", known.name)}, known.name)) : !c.error && this.form, this.trouble));
		if (!c.error)
			this.look();
	}

	streams() {
		const used = this.camera.profiles.filter(p => p.use);
		return used.length ? used.map(p => `${p.use} ${p.codec} ${p.width} × ${p.height}`).join(", ") : "it offers no stream that can be recorded";
	}

	/** Pictures of the smaller stream, one after the other, as long as the page is open. */
	async look() {
		const profile = this.camera.profiles.find(p => p.use === "sub" && p.url) || this.camera.profiles.find(p => p.use === "main" && p.url);
		if (!profile)
			return;
		fill(this.note, "picture is coming …");
		while (!this.stopped) {
			try {
				const blob = await (await request("POST", "/api/preview", {source: profile.url, ...this.login})).blob();
				const old = this.picture.src;
				this.picture.src = URL.createObjectURL(blob);
				this.picture.hidden = false;
				old && URL.revokeObjectURL(old);
				fill(this.note);
			} catch (error) {
				fill(this.note, error.message);
				if (error.status === 401 || error.status === 0)
					return;
			}
			await new Promise(done => setTimeout(done, PICTURE_EVERY));
		}
	}

	stop() {
		this.stopped = true;
	}

	async add(event) {
		event.preventDefault();
		this.save.disabled = true;
		try {
			await post("/api/cameras", {name: this.name.value, source: this.camera.source, record: this.record.value, ...this.camera.tls && {tls: this.camera.tls}, ...this.login});
			this.stop();
			await refresh();
			fill(this.form, h("p", null, icon("live"), " Added: ", h("a", {href: link("live", this.name.value)}, this.name.value)));
			fill(this.trouble);
		} catch (error) {
			fill(this.trouble, problem(error));
			this.save.disabled = false;
		}
	}
}
