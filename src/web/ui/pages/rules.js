// The rules on the page of plugs: how often each fired, why it did or did not, now and at a time that is asked for.
// SPDX-License-Identifier: Apache-2.0
import {get, query} from "../api.js";
import {empty, fill, h, problem, say} from "../dom.js";
import * as format from "../format.js";
import {now} from "../site.js";

const at = time => format.stamp(Date.parse(time));

/** What an answer of explain says, in lines. */
function explained(answer) {
	const lines = answer.looked.map(l => h("li", null, h("time", null, at(l.at)), " ", h("b", null, l.fired ? "fires" : "does not fire"), `: ${l.why}`));
	if (!lines.length)
		lines.push(h("li", null, `Nothing that concerns it happened within a minute of ${at(answer.at)}.`));
	if (answer.conditions)
		lines.push(h("li", null, `A minute after it its conditions ${answer.holds ? "hold" : "do not hold"}: ${answer.conditions}`));
	return h("ol.log", null, lines);
}

function ruleCard(rule) {
	const last = h("p"), why = h("p.when"), then = h("div"), trouble = h("div");
	const time = h("input", {type: "datetime-local", step: "1", required: true, "aria-label": `Time to explain ${rule.name} at`});
	time.value = format.forInput(now());
	async function ask(event) {
		event.preventDefault();
		fill(trouble);
		fill(then, h("p.hint", null, "Looking into the log …"));
		try {
			const ms = format.fromLocal(time.value);
			fill(then, explained(await get(query(`/api/rules/${encodeURIComponent(rule.name)}/explain`, {at: new Date(ms).toISOString()}))));
		} catch (error) {
			fill(then);
			fill(trouble, problem(error));
		}
	}
	const element = h("article.card.rule", {data: {rule: rule.name}}, h("header", null, h("h3", null, rule.name), h("span.kind", null, `line ${rule.line}`)), last, why,
		h("details", null, h("summary", null, "Why, at another time?"), h("form.row", {onsubmit: ask}, time, h("button", null, "Explain")), then, trouble));
	return {element, update(r) {
		say(last, r.count ? `fired ${r.count} ${r.count === 1 ? "time" : "times"} since the start` : "has not fired since the start");
		say(why, r.why ? `${r.fired ? "fired" : "did not fire"} at ${at(r.at)}: ${r.why}` : "nothing that concerns it has happened yet");
	}};
}

/** A section that keeps itself; returns what asks anew. */
export function rulesSection(root) {
	const list = h("div.cards.rules"), trouble = h("div"), cards = new Map();
	fill(root, h("h2", null, "Rules"), trouble, list);
	return async function refresh() {
		try {
			const {rules} = await get("/api/rules");
			fill(trouble);
			if (rules.map(r => r.name).join("\n") !== [...cards.keys()].join("\n") || !rules.length) {
				cards.clear();
				rules.forEach(r => cards.set(r.name, ruleCard(r)));
				fill(list, rules.length ? [...cards.values()].map(c => c.element) : empty("No rule yet", "What happens when a door opens is a few lines in the site file, for example",
					h("pre", null, "rules:\n  night light:\n    when: door active\n    do: { relay: { flood: on, for: 2min } }")));
			}
			rules.forEach(r => cards.get(r.name).update(r));
		} catch (error) {
			fill(trouble, problem(error));
		}
	};
}
