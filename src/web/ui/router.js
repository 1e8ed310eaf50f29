// The address holds the view: #/time/gate?at=…&span=… can be sent to somebody.
// SPDX-License-Identifier: Apache-2.0

/** {page, name, values} of the hash. */
export function where() {
	const [path, text] = location.hash.replace(/^#\/?/, "").split("?");
	const [page, name] = path.split("/").map(decodeURIComponent);
	return {page: page || "live", name: name || "", values: Object.fromEntries(new URLSearchParams(text || ""))};
}

export function link(page, name, values) {
	const text = new URLSearchParams(Object.entries(values || {}).filter(([, v]) => v !== "" && v !== undefined && v !== null))
		.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
	return `#/${page}${name ? "/" + encodeURIComponent(name) : ""}${text ? "?" + text : ""}`;
}

export function go(page, name, values) {
	location.hash = link(page, name, values);
}

/** The same page in another view: no entry in the history. */
export function replace(page, name, values) {
	const hash = link(page, name, values);
	if (hash !== location.hash)
		history.replaceState(null, "", hash);
}
