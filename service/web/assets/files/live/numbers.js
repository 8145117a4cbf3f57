// Numbers that change with each report, from the events themselves: nothing is fetched for them.
//
// `data-live="steps.trained"` shows that field of the status. Rows with `data-trial` show step, value and age of the last
// report of that trial in their `data-cell`s; `data-ttl` says for how many seconds a report renews the lease.

import { loss } from "./words.js";

function field(change, path) {
  let found = change;
  for (const name of path.split(".")) found = found?.[name];
  return found;
}

function clock(attribute, seconds, after = "") {
  const span = document.createElement("span");
  span.dataset[attribute] = String(seconds);
  span.textContent = `${Math.round(seconds)} s`;
  return [span, after];
}

function row(trial) {
  const shown = document.querySelector(`#workers tr[data-trial="${trial.number}"]`);
  const last = trial.reports?.at(-1);
  if (!shown || !last) return;
  const cell = (name) => shown.querySelector(`[data-cell="${name}"]`);
  cell("step").textContent = String(last[0]);
  cell("value").textContent = loss(last[1]);
  cell("reported").replaceChildren(...clock("ago", 0, " ago"));
  cell("ends").replaceChildren(...clock("in", Number(shown.dataset.ttl)));
  shown.querySelector(".hung")?.remove();
}

document.addEventListener("lrtune:change", ({ detail }) => {
  for (const element of document.querySelectorAll("[data-live]")) {
    const value = field(detail, element.dataset.live);
    if (value === undefined || value === null) continue;
    if (element instanceof HTMLProgressElement) element.value = value;
    else element.textContent = String(value);
  }
  for (const trial of detail.changed ?? []) row(trial);
});
