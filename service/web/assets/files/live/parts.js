// Parts of a page, fetched anew: `<section data-part="address of HTML" data-on="reported ended">`.
//
// Each at most every two seconds, and a little later by chance, so that many pages do not come together; not while the
// page is hidden, nor while one works in the part. What is scrolled or opened in it stays so.

import { putIn } from "./html.js";

const PAUSE_MS = 2_000; // Or longer: the service tells how many seconds to leave, the more the more look at it.
const CHANCE = 0.25; // Of the pause, at random.
const KINDS = ["reported", "begun", "ended", "changed"];

/** By element: when it was fetched last, the timer for the next time, and its text. */
const known = new WeakMap();

const parts = () => document.querySelectorAll("[data-part]");

/** Fetch the parts anew that go by any of these kinds. */
export function refresh(kinds) {
  for (const part of parts()) {
    if ((part.dataset.on ?? "changed").split(/\s+/).some((kind) => kinds.has(kind))) soon(part);
  }
}

/** All of them: nobody knows what has changed. */
export const refreshAll = () => refresh(new Set(KINDS));

/** One of them, now and though one works in it: something was done there. Whether its new content has come. */
export const refreshNow = (part) => load(part, true);

const of = (part) => {
  if (!known.has(part)) known.set(part, { at: -Infinity, timer: 0, text: null, pause: PAUSE_MS });
  return known.get(part);
};

/** How long to leave between two looks, in milliseconds, as an answer tells it. */
export const pauseOf = (answer) => Math.max(PAUSE_MS, 1000 * Number(answer.headers.get("Lrtune-Pace") ?? 0));

function soon(part) {
  const one = of(part);
  if (one.timer) return;
  const wait = Math.max(0, one.at + one.pause - performance.now()) + Math.random() * CHANCE * one.pause;
  one.timer = setTimeout(() => {
    one.timer = 0;
    if (!part.isConnected) return;
    if (document.hidden || isInUse(part)) waiting.add(part);
    else load(part);
  }, wait);
}

/** Whether somebody works in it: what is being read by keyboard or typed is not to be taken away. */
function isInUse(part) {
  if (part.querySelector("dialog[open], :focus-visible")) return true;
  const selected = document.getSelection();
  return Boolean(selected && !selected.isCollapsed && part.contains(selected.anchorNode));
}

/** Parts that are out of date. */
const waiting = new Set();

/** Fetch those that could not be fetched, where they can be now. */
export function catchUp() {
  if (document.hidden) return;
  for (const part of [...waiting]) {
    if (isInUse(part)) continue;
    waiting.delete(part);
    soon(part);
  }
}
document.addEventListener("visibilitychange", catchUp);
document.addEventListener("focusout", () => setTimeout(catchUp));
document.addEventListener("selectionchange", () => document.getSelection()?.isCollapsed && waiting.size && catchUp());
document.addEventListener("close", () => setTimeout(catchUp), true); // Of dialogs; it does not bubble.

async function load(part, forced = false) {
  const one = of(part);
  const address = part.dataset.part;
  one.at = performance.now();
  let text;
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect") return location.reload(); // To the sign-in.
    if (!answer.ok) return false;
    text = await answer.text();
    one.pause = pauseOf(answer);
    if (answer.headers.has("Lrtune-Stale")) soon(part); // It was made a moment ago, for others.
  } catch {
    waiting.add(part); // The service is away; its events say when it is back.
    return false;
  }
  if (address !== part.dataset.part) return true; // Something else is to stand there meanwhile.
  if (text === one.text || !part.isConnected) return true;
  if (isInUse(part) && !forced) return waiting.add(part);
  one.text = text;
  swap(part, text);
  return true;
}

/** Put in the new content; what was scrolled, opened or chosen stays so. */
function swap(part, text) {
  const opened = new Map([...part.querySelectorAll("details")].map((one, at) => [keyOf(one, at), one.open]));
  const scrolled = [...part.querySelectorAll("*")].map((one, at) => [at, one]).filter(([, one]) => one.scrollTop || one.scrollLeft);
  const places = scrolled.map(([at, one]) => [keyOf(one, at), one.scrollTop, one.scrollLeft]);
  const focused = [...part.querySelectorAll("*")].map(keyOf)[[...part.querySelectorAll("*")].indexOf(document.activeElement)];
  putIn(part, text);
  part.querySelectorAll("details").forEach((one, at) => {
    const open = opened.get(keyOf(one, at));
    if (open !== undefined) one.open = open;
  });
  const elements = [...part.querySelectorAll("*")];
  if (focused) elements.find((one, at) => keyOf(one, at) === focused)?.focus({ preventScroll: true });
  for (const [key, top, left] of places) {
    const place = elements.find((one, at) => keyOf(one, at) === key);
    place?.scrollTo({ top, left, behavior: "instant" });
  }
  part.dispatchEvent(new CustomEvent("lrtune:swapped", { bubbles: true }));
}

const keyOf = (element, at) => element.id || element.dataset.key || `${element.tagName} ${at}`;
