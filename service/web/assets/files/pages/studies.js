// The list of studies: filters and sorts in place, keeps the address, shows what changes as it does.

const list = () => document.getElementById("list");
const filter = document.getElementById("filter");
const MOST = 5, PAUSE = 400, AFTER_EVENT = 1500;
const chosen = new Set();
let asked = 0;

document.documentElement.classList.add("scripted");

// What a page says of the list takes the place of what stands here; focus and choice stay.
async function show(address, { fresh = null } = {}) {
  const mine = ++asked;
  const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer || !answer.ok || mine !== asked) return false;
  if (answer.redirected) { location.assign(address); return false; } // to sign in
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const made = page.getElementById("list");
  if (!made || mine !== asked) return false;
  if (!filter !== !page.getElementById("filter")) { location.reload(); return false; } // the first study, or the last
  const focused = list().contains(document.activeElement) ? path(document.activeElement) : null;
  const [left, top] = [list().querySelector(".scroll")?.scrollLeft ?? 0, list().querySelector(".scroll")?.scrollTop ?? 0];
  list().replaceChildren(...made.childNodes);
  list().querySelector(".scroll")?.scrollTo(left, top);
  if (focused) list().querySelector(focused)?.focus({ preventScroll: true });
  if (fresh) for (const row of list().querySelectorAll("tr[data-study]")) row.classList.toggle("fresh", fresh.has(row.dataset.study));
  choose();
  if (list().querySelector("[data-pending]")) again(); // suggestions that are being worked out
  return true;
}

// How the same element is found in the next list.
function path(element) {
  const row = element.closest("tr[data-study]");
  if (row) return `tr[data-study="${CSS.escape(row.dataset.study)}"] ${element.tagName.toLowerCase()}`;
  if (element.matches("a[href]")) return `${element.closest("th") ? "thead" : ".pages"} a:nth-of-type(1)`;
  return element.id ? `#${element.id}` : ".scroll";
}

// Choosing two to five
function choose() {
  const button = document.getElementById("compare-them");
  for (const box of list().querySelectorAll("input[name=study]")) {
    box.checked = chosen.has(box.value);
    box.disabled = !box.checked && chosen.size >= MOST;
    box.closest("tr").classList.toggle("chosen", box.checked);
  }
  if (button) button.disabled = chosen.size < 2;
}

document.addEventListener("change", (event) => {
  if (!event.target.matches("#list input[name=study]")) return;
  const { value, checked } = event.target;
  if (checked) chosen.add(value); else chosen.delete(value);
  choose();
});
document.addEventListener("submit", (event) => {
  if (event.target.id === "filter") { event.preventDefault(); narrow(); }
  if (event.target.id !== "compare") return;
  event.preventDefault(); // those on other pages of the list, too
  location.assign(`${event.target.action}?${new URLSearchParams([...chosen].map((name) => ["study", name]))}`);
});

// Filtering
let waiting;
function narrow() {
  clearTimeout(waiting);
  const now = new URLSearchParams(location.search);
  put(now);
  now.delete("page");
  const address = `${location.pathname}${now.size ? `?${now}` : ""}`;
  history.replaceState(null, "", address);
  show(address);
}
// What the filter says, into a query.
function put(query) {
  if (!filter) return;
  for (const [name, value] of new FormData(filter)) {
    if (name === "sort") continue; // It is the list's.
    if (value.trim()) query.set(name, value.trim());
    else query.delete(name);
  }
}
filter?.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(narrow, PAUSE); });

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("#list thead a, #list .pages a, #list a.chip, #list .empty a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  clearTimeout(waiting);
  const address = new URL(link.href);
  if (link.closest("thead")) put(address.searchParams); // What was typed a moment ago counts, too.
  history.pushState(null, "", address);
  fill();
  show(address.href);
});
function fill() {
  const now = new URLSearchParams(location.search);
  for (const name of ["q", "state", "tag"]) if (filter) filter.elements[name].value = now.get(name) ?? "";
  if (filter?.elements.sort) filter.elements.sort.value = now.get("sort") ?? "";
}
addEventListener("popstate", () => { fill(); show(location.href); });

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select")) return;
  event.preventDefault();
  filter?.elements.q.focus();
});

// As it happens: what is shown is asked for again, at most every second and a half
let due, lost = false;
const changed = new Set();
function again(event) {
  const study = event?.detail?.study ?? event?.detail?.name;
  if (study) changed.add(study);
  due ??= setTimeout(async () => {
    const fresh = new Set(changed);
    due = undefined;
    changed.clear();
    if (!document.hidden) await show(location.href, { fresh });
    else document.addEventListener("visibilitychange", () => again(), { once: true });
  }, AFTER_EVENT);
}
document.addEventListener("lrtune:study", again);
document.addEventListener("lrtune:begin", () => again());
document.addEventListener("lrtune:lost", () => { lost = true; });
document.addEventListener("lrtune:found", () => { if (lost) again(); lost = false; });

choose();
if (list().querySelector("[data-pending]")) again();
