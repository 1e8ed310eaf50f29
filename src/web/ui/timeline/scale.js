// Where an instant stands on the canvas, and which marks a ruler has. Pure: numbers in, numbers out.
// SPDX-License-Identifier: Apache-2.0
import * as format from "../format.js";

const S = 1000, MIN = 60 * S, H = 60 * MIN, D = 24 * H;
export const SPAN_MIN = S, SPAN_MAX = 550 * D;

export const clampSpan = span => Math.min(Math.max(span, SPAN_MIN), SPAN_MAX);

/** A view: from (ms at the left edge), span (ms across), width (CSS pixels). */
export const toX = (view, ms) => (ms - view.from) / view.span * view.width;
export const toMs = (view, x) => view.from + x / view.width * view.span;

/** Zoomed by a factor (< 1: closer) around an instant, which stays where it is. */
export function zoomed(view, factor, around) {
	const span = clampSpan(view.span * factor);
	return {...view, span, from: around - (around - view.from) * span / view.span};
}

const minor = (step, label) => ({step, label});
const fine = ms => format.clock(ms) + format.millis(ms).replace(/0+$/, "").replace(/\.$/, "");
const steps = [
	minor(50, fine), minor(100, fine), minor(200, fine), minor(500, fine),
	minor(S, format.clock), minor(2 * S, format.clock), minor(5 * S, format.clock), minor(10 * S, format.clock),
	minor(30 * S, format.clock), minor(MIN, format.minute), minor(2 * MIN, format.minute), minor(5 * MIN, format.minute),
	minor(10 * MIN, format.minute), minor(30 * MIN, format.minute), minor(H, format.minute), minor(2 * H, format.minute),
	minor(6 * H, format.minute), minor(12 * H, format.minute),
	minor(D, ms => `${format.weekday(ms)} ${format.dayOfMonth(ms)}`),
	minor(7 * D, ms => `${format.dayOfMonth(ms)} ${format.month(ms)}`),
	minor(31 * D, format.month), minor(92 * D, format.month), minor(366 * D, ms => String(format.year(ms))),
];

/** First mark at or after ms, in the site's time; months and years by the calendar. */
function aligned(ms, step) {
	const local = ms + format.offset(ms);
	if (step >= 31 * D) {
		const d = new Date(local), every = step >= 366 * D ? 12 : step >= 92 * D ? 3 : 1;
		const month = Math.ceil((d.getUTCMonth() + (d.getUTCDate() > 1 || local % D ? 1 : 0)) / every) * every;
		const at = Date.UTC(d.getUTCFullYear(), month, 1);
		return at - format.offset(at);
	}
	const base = step === 7 * D ? 4 * D : 0; // weeks begin on Monday
	const at = Math.ceil((local - base) / step) * step + base;
	return at - format.offset(at - format.offset(ms));
}

/** [{ms, label, strong}] with labels at least `apart` pixels from each other. */
export function ticks(view, apart) {
	const wanted = view.span / view.width * apart;
	const {step, label} = steps.find(s => s.step >= wanted) || steps[steps.length - 1];
	const marks = [];
	for (let ms = aligned(view.from, step); ms <= view.from + view.span && marks.length < 500;) {
		const midnight = step < D && format.clock(ms) === "00:00:00" && ms % S === 0;
		marks.push({ms, label: midnight ? `${format.weekday(ms)} ${format.dayOfMonth(ms)} ${format.month(ms)}` : label(ms), strong: midnight});
		const next = aligned(ms + step / 2, step);
		ms = next > ms ? next : ms + step;
	}
	return marks;
}

/** "24 h", "10 min": how much is seen. */
export function spanWords(span) {
	for (const [size, unit] of [[D, "d"], [H, "h"], [MIN, "min"], [S, "s"]])
		if (span >= 1.5 * size || (size === S))
			return `${span / size < 10 ? Math.round(span / size * 10) / 10 : Math.round(span / size)} ${unit}`;
}
