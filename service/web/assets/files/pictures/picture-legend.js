// The legend of a picture, as a list below it: it wraps as text does, and is read out. A line of it that stands for what
// can be hidden is a button that hides it.
const SVG = "http://www.w3.org/2000/svg";
const DASHES = { dash: "5 3", dot: "1.5 2.5", dashdot: "5 2.5 1.5 2.5" };
const SHAPES = {
  circle: "M5 0A5 5 0 1 1-5 0A5 5 0 1 1 5 0Z", square: "M-4.5-4.5H4.5V4.5H-4.5Z", "x-thin": "M-4-4 4 4M-4 4 4-4",
  "triangle-up": "M0-5 5 4H-5Z", "triangle-down": "M0 5 5-4H-5Z", "triangle-right": "M5 0-4 5V-5Z",
  diamond: "M0-5.5 5 0 0 5.5-5 0Z", cross: "M-1.7-5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7Z",
  star: "M0-5.5 1.4-1.8 5.2-1.7 2.2.7 3.2 4.5 0 2.3-3.2 4.5-2.2.7-5.2-1.7-1.4-1.8Z",
  "arrow-up": "M0-5 4.5 4H-4.5Z", "arrow-down": "M0 5 4.5-4H-4.5Z",
};
const hidden = new WeakMap(); // figure → names of what is hidden

function svg(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// How a trace looks, in a box of 22 × 12; null of one that stands for words alone.
function swatch({ mode = "", type, line = {}, marker = {}, fill, fillcolor, opacity = 1 }) {
  const box = svg("svg", { width: 22, height: 12, viewBox: "-11 -6 22 12", "aria-hidden": "true", opacity });
  if (fill) box.append(svg("rect", { x: -10, y: -5, width: 20, height: 10, fill: fillcolor }));
  else if (type === "bar") box.append(svg("rect", { x: -7, y: -5, width: 14, height: 10, rx: 1, fill: marker.color }));
  else if (mode.includes("markers")) box.append(symbol(marker));
  else if (line.width) {
    box.append(svg("line", { x1: -10, x2: 10, y1: 0, y2: 0, stroke: line.color, "stroke-width": Math.min(line.width, 3), "stroke-dasharray": DASHES[line.dash] ?? "" }));
  } else return null;
  return box;
}

function symbol({ symbol: name = "circle", size = 6, color }) {
  const shape = name.replace("-open", "");
  const open = name !== shape || shape === "x-thin";
  const scale = Math.min(Math.max(size, 7), 11) / 10;
  return svg("path", { d: SHAPES[shape] ?? SHAPES.circle, transform: `scale(${scale})`, fill: open ? "none" : color, stroke: color, "stroke-width": open ? 1.8 : 0 });
}

// The text of what plotly reads as HTML.
const plain = (name) => new DOMParser().parseFromString(name, "text/html").body.textContent;
const isEmpty = (trace) => !(trace.x ?? []).some((at) => at !== null);
const groupOf = (trace) => trace.legendgroup || trace.name;

function lines(data) {
  const found = new Map();
  for (const trace of data) {
    if (!trace.name || trace.showlegend === false) continue;
    if (!found.has(groupOf(trace))) found.set(groupOf(trace), trace);
  }
  return [...found].map(([name, trace]) => ({ name, trace, hides: data.some((one) => groupOf(one) === name && !isEmpty(one)) }));
}

// `data`, in which what was hidden in that figure stays so.
export function keepHidden(figure, data) {
  const names = hidden.get(figure) ?? new Set();
  for (const trace of data) trace.visible = !names.has(groupOf(trace));
  return data;
}

// The list below the picture; `redraw` is called where something is hidden or shown again.
export function legend(figure, data, redraw) {
  const shown = lines(data);
  let list = figure.querySelector("ul.legend");
  if (!shown.length) { list?.remove(); return; }
  if (!list) {
    list = document.createElement("ul");
    list.className = "legend small";
    figure.querySelector(".plot").after(list);
  }
  const focused = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  list.replaceChildren(...shown.map((line) => item(figure, line, redraw)));
  if (focused >= 0) list.querySelectorAll("button")[focused]?.focus({ preventScroll: true });
}

function item(figure, { name, trace, hides }, redraw) {
  const names = hidden.get(figure) ?? new Set();
  const place = document.createElement("li");
  const holder = hides ? document.createElement("button") : place;
  const look = swatch(trace);
  const words = document.createElement("span");
  words.textContent = plain(trace.name);
  holder.append(...(look ? [look] : []), words);
  if (!hides) return place;
  holder.type = "button";
  holder.className = "quiet";
  holder.setAttribute("aria-pressed", String(!names.has(name)));
  holder.title = names.has(name) ? "show" : "hide";
  holder.addEventListener("click", () => {
    if (!names.delete(name)) names.add(name);
    hidden.set(figure, names);
    redraw();
  });
  place.append(holder);
  return place;
}
