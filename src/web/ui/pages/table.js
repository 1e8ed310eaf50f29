// A table that becomes a list of cards on a phone: each cell carries its column's name.
// SPDX-License-Identifier: Apache-2.0
import {h} from "../dom.js";

export function table(caption, columns, rows) {
	return h("table", null, h("caption", null, caption), h("thead", null, h("tr", null, columns.map(c => h("th", {scope: "col"}, c)))),
		h("tbody", null, rows.map(cells => h("tr", null, cells.map((cell, i) => h(i ? "td" : "th", {data: {label: columns[i]}, scope: i ? null : "row"}, cell))))));
}
