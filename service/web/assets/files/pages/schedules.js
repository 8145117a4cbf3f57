// The page of schedules: controls by the catalogue, a picture and words that follow them, all of it in the address.
import { controls } from "./schedule-controls.js";
import { putIn } from "../live/html.js";
import { draw } from "../pictures/pictures.js";
import { keepTabs } from "../look/tabs.js";

const form = document.getElementById("form");
const list = document.getElementById("schedules");
const add = document.getElementById("add");
const wrong = document.getElementById("wrong");
const told = document.getElementById("told");
const figure = document.getElementById("drawn");
const state = JSON.parse(form.dataset.state);
const most = Number(form.dataset.most);
const WAIT_MS = 150;

function query() {
  const asks = new URLSearchParams();
  for (const schedule of state.schedules) asks.append("s", JSON.stringify(schedule));
  for (const name of ["rate", "steps", "epoch"]) if (form.elements[name].value.trim()) asks.set(name, form.elements[name].value.trim());
  if (form.elements.log.checked) asks.set("log", "1");
  return asks.toString();
}

function say(problem) {
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  const [first] = problem?.errors ?? [];
  const loc = (first?.loc ?? []).filter((part) => part !== "query");
  const at = [...form.querySelectorAll("[data-loc]")].find((field) => field.dataset.loc === loc.join("."));
  at?.setAttribute("aria-invalid", "true");
  const where = loc[0] === "s" ? [state.schedules[loc[1]]?.name, ...loc.slice(2)].join(", ") : loc.join(" ");
  wrong.textContent = !problem ? "" : first ? `${where}: ${first.msg}` : problem.detail;
  wrong.hidden = !problem;
}

let latest = 0;
async function update() {
  const mine = ++latest;
  const asks = query();
  const address = `${location.pathname}?${asks}`;
  history.replaceState(null, "", address);
  document.getElementById("link").textContent = new URL(address, location.href).href;
  let answer;
  try {
    answer = await fetch(`${told.dataset.from}?${asks}`);
  } catch {
    say({ detail: "The service cannot be reached." });
    return;
  }
  if (mine !== latest) return;
  if (!answer.ok) { say(await answer.json().catch(() => ({ detail: `The service answered ${answer.status}.` }))); return; }
  say(null);
  putIn(told, await answer.text());
  figure.dataset.picture = `${told.dataset.picture}?${asks}`;
  await draw(figure);
}

let timer;
function soon() {
  clearTimeout(timer);
  timer = setTimeout(update, WAIT_MS);
}

const answer = await fetch(told.dataset.catalogue);
const catalogue = new Map((await answer.json()).items.map((item) => [item.name, item]));
const steps = () => Number(form.elements.steps.value) || 1000;
const rate = () => Number(form.elements.rate.value) || 1e-3;

function show() {
  const shown = state.schedules.map((schedule, at) => controls({
    catalogue, schedule, at, steps: steps(), rate: rate(), alone: state.schedules.length === 1,
    changed: (made) => { state.schedules[at] = made; soon(); },
    chosen: (made) => { state.schedules[at] = made; show(); soon(); list.children[at].querySelector("select").focus(); },
    removed: () => { state.schedules.splice(at, 1); show(); soon(); add.focus(); },
  }));
  list.replaceChildren(...shown);
  add.disabled = state.schedules.length >= most;
}

add.addEventListener("click", () => {
  const used = state.schedules.map(({ name }) => name);
  const name = ["wsd", "linear", "one_cycle", "step", "cosine"].find((one) => !used.includes(one)) ?? "cosine";
  state.schedules.push({ name });
  show();
  soon();
  list.lastElementChild.querySelector("select").focus();
});
form.addEventListener("submit", (event) => { event.preventDefault(); update(); });
form.addEventListener("input", (event) => { if (event.target.closest(".training")) soon(); });
// Sliders of steps and rates go by those of the training.
form.addEventListener("change", (event) => { if (event.target.closest(".training")) show(); });

keepTabs();
show();
document.getElementById("link").textContent = location.href;
