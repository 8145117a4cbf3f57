// The page of a study: tabs of snippets, ages that tick, the list of trials, and what an admin may do.
import { refreshNow } from "../live/parts.js";
import { act } from "./study-actions.js";
import { keepTabs } from "../look/tabs.js";

const refreshAll = () => Promise.all([...document.querySelectorAll("[data-part]")].map(refreshNow));

// Ages. An element says how many seconds it was since (`data-ago`) or is until (`data-in`) when it came into the page.
const came = new WeakMap();

function told(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 100) return `${whole} s`;
  if (whole < 5400) return `${Math.round(whole / 60)} min`;
  return `${(whole / 3600).toFixed(1)} h`;
}

function tick() {
  const now = performance.now() / 1000;
  for (const element of document.querySelectorAll("[data-ago], [data-in]")) {
    if (!came.has(element)) came.set(element, now);
    const since = now - came.get(element);
    const { ago, in: until } = element.dataset;
    const text = told(ago !== undefined ? Number(ago) + since : Number(until) - since);
    if (element.textContent !== text) element.textContent = text;
  }
}

// The list of trials: a link changes what the part shows, in place, and the address with it.
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-list]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const section = document.getElementById(link.dataset.list);
  event.preventDefault();
  const words = link.textContent;
  section.dataset.part = section.dataset.part.replace(/\?.*$/, "") + link.dataset.query;
  section.setAttribute("aria-busy", "true");
  if (!(await refreshNow(section))) location.assign(link.href);
  section.removeAttribute("aria-busy");
  history.replaceState(null, "", link.href);
  [...section.querySelectorAll("a[data-list]")].find((other) => other.textContent === words)?.focus({ preventScroll: true });
});

keepTabs();
act(refreshAll);
tick();
setInterval(() => { if (!document.hidden) tick(); }, 1000);
