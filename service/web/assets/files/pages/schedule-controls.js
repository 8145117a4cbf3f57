// The controls of one schedule: a field for each parameter of the catalogue, and a slider beside numbers.

const made = (tag, more = {}, ...inside) => {
  const element = Object.assign(document.createElement(tag), more);
  element.append(...inside);
  return element;
};
const words = (name) => name.replaceAll("_", " ");
const plain = (text) => text.replaceAll("`", "").replace(/\bnull\b/g, "empty");
const NOTCHES = 200;

// What a schedule needs that has no default.
function needed(name, steps) {
  if (name === "warmup") return { name, steps: Math.max(1, Math.round(steps / 10)), then: "cosine" };
  if (name === "join") return { name, schedules: ["constant", "linear"], milestones: [Math.max(1, Math.round(steps / 2))] };
  return { name };
}

// Between which values the slider of a parameter goes, and whether by ratio.
function reach(parameter, { steps, rate }) {
  const low = parameter.minimum ?? parameter.above;
  const high = parameter.maximum ?? parameter.below;
  const whole = parameter.type === "integer";
  if (whole && (parameter.name.includes("steps") || parameter.name.includes("step_size") || parameter.name === "timescale")) return { low: low ?? 0, high: Math.max(steps, 2), whole };
  if (whole) return { low: low ?? 0, high: Math.min(high ?? 20, 20), whole };
  if (parameter.name === "lr" || parameter.name === "min_lr") return { low: rate * 1e-5, high: rate * (parameter.name === "lr" ? 100 : 1), ratio: true };
  if (low !== null && high !== null) {
    const gap = (high - low) / NOTCHES;
    return { low: parameter.minimum === null ? low + gap : low, high: parameter.maximum === null ? high - gap : high };
  }
  const middle = Number(parameter.default) || 1;
  return { low: Math.max(middle / 100, low || 0) || middle / 100, high: middle * 100, ratio: true };
}

const toNotch = (value, { low, high, ratio }) => Math.round(NOTCHES * (ratio ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)));
function fromNotch(notch, { low, high, ratio, whole }) {
  const part = notch / NOTCHES;
  const value = ratio ? low * (high / low) ** part : low + (high - low) * part;
  return whole ? Math.round(value) : Number(value.toPrecision(3));
}

function parsed(text, type) {
  if (!text.trim()) return undefined;
  if (type.startsWith("list of") && !text.trim().startsWith("[")) return text.split(/[\s,;]+/).filter(Boolean).map((one) => (type === "list of integer" ? Number(one) : one));
  if (/^[[{]/.test(text.trim())) { try { return JSON.parse(text); } catch { return text; } }
  return text.trim();
}
const written = (value) => (value === undefined ? "" : Array.isArray(value) && value.every((one) => typeof one !== "object") ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value));

function option(value, text, chosen) {
  return made("option", { value, textContent: text, selected: value === chosen });
}

function numeric(parameter, about, id, put) {
  const { schedule } = about;
  const across = reach(parameter, about);
  const field = made("input", { id, type: "text", inputMode: "decimal", autocomplete: "off", value: schedule[parameter.name] ?? "", placeholder: parameter.default ?? "auto" });
  const slider = made("input", { type: "range", min: 0, max: NOTCHES, autocomplete: "off" });
  slider.setAttribute("aria-label", `${words(parameter.name)}, slider`);
  const follow = () => {
    const value = Number(field.value || parameter.default || across.low);
    slider.value = Math.min(NOTCHES, Math.max(0, toNotch(value, across) || 0));
    slider.setAttribute("aria-valuetext", field.value || `${parameter.default ?? "auto"}`);
  };
  field.addEventListener("input", () => { follow(); const text = field.value.trim(); put(text === "" ? undefined : Number.isNaN(Number(text)) ? text : Number(text)); });
  slider.addEventListener("input", () => { field.value = fromNotch(Number(slider.value), across); slider.setAttribute("aria-valuetext", field.value); put(Number(field.value)); });
  follow();
  return [field, slider];
}

function fieldsOf(parameter, about, id, put) {
  const value = about.schedule[parameter.name];
  if (parameter.type === "boolean") {
    const box = made("input", { id, type: "checkbox", checked: value ?? parameter.default ?? false, autocomplete: "off" });
    box.addEventListener("change", () => put(box.checked));
    return [box];
  }
  if (parameter.choices) {
    const select = made("select", { id, autocomplete: "off" }, ...parameter.choices.map((one) => option(one, one, value ?? parameter.default)));
    select.addEventListener("change", () => put(select.value));
    return [select];
  }
  if (parameter.type === "integer" || parameter.type === "number") return numeric(parameter, about, id, put);
  const field = made("input", { id, type: "text", autocomplete: "off", spellcheck: false, value: written(value), placeholder: parameter.type === "list of integer" ? "auto, or 300, 600" : "a name, or JSON" });
  field.addEventListener("input", () => put(parsed(field.value, parameter.type)));
  return [field];
}

function row(parameter, about, put) {
  const id = `p-${about.at}-${parameter.name}`;
  const fields = fieldsOf(parameter, about, id, put);
  fields[0].dataset.loc = `s.${about.at}.${parameter.name}`;
  const label = made("label", { htmlFor: id, textContent: words(parameter.name) });
  const help = made("p", { className: "help", id: `${id}-help`, textContent: plain(parameter.description) });
  if (parameter.description) fields[0].setAttribute("aria-describedby", help.id);
  return made("div", { className: `control${fields.length === 1 ? " single" : ""}` }, label, ...fields, ...(parameter.description ? [help] : []));
}

const SHARED = ["lr", "warmup_steps", "warmup_fraction", "warmup_kind"];

// A card with all controls; `about` says what is shown and what to do when it changes.
export function controls(about) {
  const { catalogue, at, alone, steps } = about;
  const current = { ...about.schedule };
  const info = catalogue.get(current.name);
  const put = (name) => (value) => {
    if (value === undefined) delete current[name];
    else current[name] = value;
    about.changed({ ...current });
  };
  const select = made("select", { id: `name-${at}`, autocomplete: "off" }, ...[...catalogue.keys()].map((name) => option(name, words(name), current.name)));
  select.addEventListener("change", () => about.chosen(needed(select.value, steps)));
  select.dataset.loc = `s.${at}.name`;
  const label = made("label", { htmlFor: select.id, className: "unseen", textContent: `Schedule ${at + 1}` });
  const head = made("div", { className: "schedule-head" }, label, select);
  if (!alone) {
    const remove = made("button", { type: "button", className: "quiet small", textContent: "Remove" });
    remove.setAttribute("aria-label", `Remove schedule ${at + 1}, ${words(current.name)}`);
    remove.addEventListener("click", about.removed);
    head.append(remove);
  }
  const rows = info.parameters.map((parameter) => [parameter, row(parameter, about, put(parameter.name))]);
  const own = rows.filter(([{ name }]) => !SHARED.includes(name)).map(([, one]) => one);
  const shared = rows.filter(([{ name }]) => SHARED.includes(name));
  const parts = [head, made("p", { className: "help", textContent: plain(info.summary) }), ...own];
  if (shared.length) {
    const open = shared.some(([{ name }]) => current[name] !== undefined);
    parts.push(made("details", { open }, made("summary", { textContent: "Warm-up and a rate of its own" }), ...shared.map(([, one]) => one)));
  }
  return made("fieldset", { className: "card schedule" }, made("legend", { className: "unseen", textContent: `Schedule ${at + 1}: ${words(current.name)}` }), ...parts);
}
