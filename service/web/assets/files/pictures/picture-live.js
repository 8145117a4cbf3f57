// What is new in a study, for pictures: points for the curves of trials in training.
import { loss } from "../live/words.js";

const MOST_POINTS = 1500; // Of a curve; a longer one is fetched anew, thinned.
const BATCH_MS = 1000;

const waiting = new WeakMap(); // place → the points to come, by trial

// Put the reports of trials behind the curves that they have; at most once a second. `long` is called where one has
// become too long to be drawn whole.
export function append(place, changed, long) {
  const known = new Map((place.data ?? []).filter((trace) => trace.meta?.trial !== undefined).map((trace) => [trace.meta.trial, trace]));
  const points = waiting.get(place) ?? new Map();
  for (const { number, reports = [] } of changed) {
    if (reports.length && known.has(number)) points.set(number, [...(points.get(number) ?? []), ...reports]);
  }
  if (!points.size || waiting.has(place)) return;
  waiting.set(place, points);
  setTimeout(() => { waiting.delete(place); put(place, points, long); }, BATCH_MS);
}

function put(place, points, long) {
  for (const trace of place.data ?? []) {
    const fresh = points.get(trace.meta?.trial);
    if (fresh) lengthen(trace, fresh);
    if (fresh && trace.x.length > MOST_POINTS) long();
  }
  Plotly.react(place, place.data, { ...place.layout, datarevision: performance.now() });
}

function lengthen(trace, reports) {
  let last = trace.x.at(-1) ?? -1;
  for (const [step, value] of reports) {
    if (step <= last) continue; // It came with the picture, or belongs to an attempt that began again.
    last = step;
    trace.x.push(step);
    trace.y.push(typeof value === "number" ? value : null);
    if (Array.isArray(trace.text)) trace.text.push(`trial ${trace.meta.trial}<br>step ${step}: ${loss(value)}`);
    if (Array.isArray(trace.customdata)) trace.customdata.push(trace.meta.trial);
  }
}
