// Pictures: each `<figure data-picture="address">` is fetched when it is scrolled near, drawn by plotly in the colours of
// the page, and anew after what its `data-on` names. A click on a trial's mark leads to `data-trials` and its number.
import { keepHidden, legend } from "./picture-legend.js";
import { append } from "./picture-live.js";
import { fitted } from "./picture-look.js";
import { pauseOf } from "../live/parts.js";

const pauses = new WeakMap(); // figure → milliseconds between two looks at it
const RESIZED_MS = 150;
const HOW = { displaylogo: false, displayModeBar: false };
const drawn = new WeakMap(); // figure → { text, data, layout }
const asked = new WeakMap(); // figure → the latest request
const near = new WeakSet();
const stale = new WeakSet();
const timers = new WeakMap();
const figures = () => document.querySelectorAll("figure[data-picture]");
const placeOf = (figure) => figure.querySelector(".plot");

// Plotly is large: it comes while the first pictures are fetched.
const plotly = window.Plotly ? Promise.resolve() : new Promise((resolve, reject) => {
  const script = document.getElementById("plotly");
  script.addEventListener("load", resolve);
  script.addEventListener("error", () => reject(new Error("The program that draws pictures could not be loaded.")));
});
plotly.catch(() => {});

async function wrongIn(answer) {
  const problem = await answer.json().catch(() => ({}));
  return problem.detail ?? (answer.status === 404 ? "There is no such picture here." : `The service answered ${answer.status}.`);
}

async function fetched(figure) {
  let answer;
  try {
    const { picture, body } = figure.dataset; // With a body the picture is of what it says, and is asked for by POST.
    const kind = body === undefined ? {} : { "Content-Type": "application/json" };
    answer = await fetch(picture, { method: body === undefined ? "GET" : "POST", body, headers: { Accept: "application/json", ...kind } });
  } catch {
    throw new Error("The service cannot be reached.");
  }
  if (!answer.ok) throw new Error(await wrongIn(answer));
  pauses.set(figure, pauseOf(answer));
  if (answer.headers.has("Lrtune-Stale")) drawSoon(figure); // It was made a moment ago, for others.
  return answer.text();
}

// Fetch a picture and draw it; what was asked for meanwhile wins.
export async function draw(figure) {
  const mine = {};
  asked.set(figure, mine);
  stale.delete(figure);
  try {
    const text = await fetched(figure);
    await plotly;
    if (asked.get(figure) !== mine) return;
    if (drawn.get(figure)?.text === text) return;
    drawn.set(figure, { text, ...JSON.parse(text) });
    await paint(figure);
  } catch (error) {
    if (asked.get(figure) === mine) fail(figure, error.message);
  }
}

async function paint(figure) {
  const { data, layout } = drawn.get(figure);
  const place = placeOf(figure);
  if (!data.length) { sayInstead(place, layout.meta?.said ?? layout.meta ?? ""); return; }
  if (!place.classList.contains("js-plotly-plot")) place.replaceChildren();
  place.removeAttribute("aria-busy");
  place.setAttribute("role", "img");
  const said = layout.meta?.said ?? layout.meta ?? "";
  place.setAttribute("aria-label", `${figure.querySelector("h2")?.textContent ?? ""}: ${said}`);
  tellInWords(figure, said);
  await lay(figure, structuredClone(data));
  if (place.dataset.listens) return;
  place.dataset.listens = "true";
  place.on("plotly_click", (event) => follow(figure, event.points[0]));
}

// Draw that data in the colours of now, at the size of now.
async function lay(figure, data) {
  const place = placeOf(figure);
  sizes.observe(place);
  legend(figure, data, () => lay(figure, place.data));
  await Plotly.react(place, keepHidden(figure, data), fitted(structuredClone(drawn.get(figure).layout), place), HOW);
}

// What is drawn, points that came live among it, once more.
function layAgain(figure) {
  const place = placeOf(figure);
  if (place.classList.contains("js-plotly-plot")) lay(figure, place.data);
}

function tellInWords(figure, said) {
  const words = figure.querySelector("details.words");
  if (!words) return;
  words.hidden = !said;
  words.querySelector("p").textContent = said;
}

// Words where there is nothing to draw.
function sayInstead(place, text, ...more) {
  if (place.classList.contains("js-plotly-plot")) Plotly.purge(place);
  delete place.dataset.listens;
  place.removeAttribute("role");
  place.removeAttribute("aria-label");
  place.removeAttribute("aria-busy");
  place.closest("figure").querySelector("ul.legend")?.remove();
  const box = document.createElement("div");
  box.className = "empty";
  const said = document.createElement("p");
  said.textContent = text || "There is nothing to draw yet.";
  box.append(said, ...more);
  place.replaceChildren(box);
}

function fail(figure, why) {
  const place = placeOf(figure);
  if (drawn.has(figure)) { stale.add(figure); return; } // An old picture is better than none; the page says what is wrong.
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Try again";
  again.addEventListener("click", () => draw(figure));
  sayInstead(place, `The picture cannot be shown. ${why}`, again);
}

function follow(figure, point) {
  if (figure.dataset.leads) {
    const other = document.getElementById(`picture-${figure.dataset.leads}`);
    const select = other?.querySelector("select[data-set]");
    const name = [...(select?.options ?? [])].find((option) => option.value === point.y || option.value === point.x)?.value;
    if (name === undefined) return;
    select.value = name;
    set(other, select.dataset.set, name);
    other.scrollIntoView({ block: "nearest", behavior: "smooth" });
    return;
  }
  const trial = Array.isArray(point.customdata) ? point.customdata[0] : point.customdata ?? point.data.meta?.trial;
  if (Number.isInteger(trial)) location.assign(figure.dataset.trials + trial);
}

// Show the picture with another value in the query of its address.
function set(figure, name, value) {
  const [path, query = ""] = figure.dataset.picture.split("?");
  const asks = new URLSearchParams(query);
  if (value === "") asks.delete(name);
  else asks.set(name, value);
  figure.dataset.picture = asks.size ? `${path}?${asks}` : path;
  if (!drawn.has(figure)) placeOf(figure).setAttribute("aria-busy", "true");
  draw(figure);
}

function drawSoon(figure) {
  stale.add(figure);
  if (timers.has(figure)) return;
  timers.set(figure, setTimeout(() => { timers.delete(figure); drawIfSeen(figure); }, (pauses.get(figure) ?? 2000) * (1 + 0.25 * Math.random())));
}

function drawIfSeen(figure) {
  if (stale.has(figure) && near.has(figure) && !document.hidden) draw(figure);
}

const watch = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    if (!isIntersecting) { near.delete(target); continue; }
    near.add(target);
    if (!asked.has(target)) draw(target);
    else drawIfSeen(target);
  }
}, { rootMargin: "400px 0px" });
for (const figure of figures()) watch.observe(figure);

const resized = new Set();
let settled;
const sizes = new ResizeObserver((seen) => {
  for (const { target } of seen) resized.add(target.closest("figure"));
  clearTimeout(settled);
  settled = setTimeout(() => {
    for (const figure of resized) if (isOfAnotherSize(placeOf(figure))) layAgain(figure);
    resized.clear();
  }, RESIZED_MS);
});
const isOfAnotherSize = (place) => place._fullLayout && (Math.abs(place._fullLayout.width - place.clientWidth) > 1 || Math.abs(place._fullLayout.height - place.clientHeight) > 1);

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("figure [data-set][data-to]");
  if (!button) return;
  for (const other of button.parentElement.querySelectorAll("[data-set]")) other.setAttribute("aria-pressed", String(other === button));
  set(button.closest("figure"), button.dataset.set, button.dataset.to);
});
document.addEventListener("change", (event) => {
  const select = event.target.closest?.("figure select[data-set]");
  if (select) set(select.closest("figure"), select.dataset.set, select.value);
});

// What happens
let known = false;
document.addEventListener("lrtune:status", () => {
  if (known) for (const figure of figures()) drawSoon(figure);
  known = true;
});
document.addEventListener("lrtune:change", ({ detail }) => {
  const what = new Set(detail.kinds);
  for (const figure of figures()) {
    if ((figure.dataset.on ?? "").split(" ").some((name) => what.has(name))) drawSoon(figure);
    if ("live" in figure.dataset && drawn.has(figure) && near.has(figure)) append(placeOf(figure), detail.changed ?? [], () => drawSoon(figure));
  }
});
// Of what a picture shows together with a part, one is not to stay behind the other.
document.addEventListener("lrtune:swapped", ({ target }) => {
  for (const figure of figures()) if (figure.dataset.with === target.id) { stale.add(figure); drawIfSeen(figure); }
});
const catchUp = () => { for (const figure of figures()) drawIfSeen(figure); };
document.addEventListener("lrtune:found", catchUp);
document.addEventListener("visibilitychange", catchUp);
document.addEventListener("lrtune:theme", () => { for (const figure of figures()) layAgain(figure); });
