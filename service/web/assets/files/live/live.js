// What happens to a study, or to all studies, as it happens: told to the page as events of the document.
//
//   lrtune:status  the whole status, first and after a gap     (detail: what GET …/status answers)
//   lrtune:change  what is new since                           (detail: status fields that changed, `changed` trials,
//                                                                and `kinds`, below)
//   lrtune:study   a study changed, on a page of all of them   (detail: study, version, state, trials, best, learning_rate)
//   lrtune:begin   on such a page: what changed is not known, read all of them
//   lrtune:gone    the study was deleted                       (detail: its name)
//   lrtune:lost, lrtune:found   the service cannot be reached, and can again
//   lrtune:swapped a part was fetched anew                     (of the element itself, and bubbles)
//
// Elements with `data-part` (an address of HTML) are fetched anew after what their `data-on` names, separated by spaces:
// `reported` a value, `begun` a trial, `ended` a trial, `changed` anything else.
// The page says where its events come from: `<body data-events="address" data-version="version as it was made">`.

import { catchUp, refresh, refreshAll } from "./parts.js";

const SILENT_MS = 10_000; // Nothing heard for so long: something in between keeps events back, or the service is away.
const AGAIN_MS = 300_000; // Who polls tries events again.
const LOOK_MS = 15_000; // Where even that is not to be had, on a page of all studies.
const POLL_SECONDS = 25;
const RETRY_MS = 3_000;
const LOST_MS = 3_000; // Before the page says so.
const BEAT_MS = 5_000;
const SLEPT_MS = 30_000; // Who misses beats for so long was asleep: what is open may be dead.
const HIDDEN_MS = 5_000; // A browser has few connections for each service: a hidden page gives its own back.

const address = document.body.dataset.events;
const banner = document.getElementById("banner");
const ENDED = new Set(["complete", "pruned", "diverged", "failed"]);
const QUIET = new Set(["version", "updated_at", "steps", "changed", "more", "trials", "workers"]);

const state = {
  source: null, // The EventSource.
  last: "", // The id of the last event.
  version: Number(document.body.dataset.version ?? -1),
  polling: null, // The AbortController of a long poll.
  followed: false, // Whether a status has come; the page is as old as the first.
  gone: false,
  lostSince: null,
  deaf: 0, // The timer that runs while nothing is heard.
  timers: new Set(),
};

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`lrtune:${name}`, { detail }));

function later(action, milliseconds) {
  const timer = setTimeout(() => {
    state.timers.delete(timer);
    action();
  }, milliseconds);
  state.timers.add(timer);
}

function stop() {
  for (const timer of state.timers) clearTimeout(timer);
  state.timers.clear();
  heard();
  state.source?.close();
  state.polling?.abort();
  state.source = state.polling = null;
}

// What came

/** What a change is about, in the words of `data-on`. */
export function kindsOf(change) {
  if (change.more) return new Set(["reported", "begun", "ended", "changed"]);
  const kinds = new Set();
  if (Object.keys(change).some((name) => !QUIET.has(name))) kinds.add("changed");
  for (const trial of change.changed) {
    if (trial.reports) kinds.add("reported");
    if (trial.params) kinds.add("begun");
    if (ENDED.has(trial.state)) kinds.add("ended");
    else if (!trial.reports && !trial.params) kinds.add("changed");
  }
  if (!change.changed.length) kinds.add("changed");
  return kinds;
}

function tookStatus(status, mayBeKnown) {
  const news = !mayBeKnown || status.version !== state.version;
  state.version = status.version;
  state.followed = true;
  found();
  tell("status", status);
  if (news) refreshAll();
}

function tookChange(change) {
  state.version = change.version;
  found();
  const kinds = kindsOf(change);
  tell("change", { ...change, kinds: [...kinds] });
  refresh(kinds);
}

function tookGone(name) {
  tell("gone", name);
  if (address.endsWith("/v1/events")) return; // One of many.
  state.gone = true;
  stop();
  say("This study was deleted.");
}

// Whether the service is there

const say = (text) => {
  if (!banner) return;
  banner.textContent = text;
  banner.hidden = !text;
};

function lost() {
  if (state.lostSince || state.gone) return;
  state.lostSince = new Date();
  tell("lost");
  const since = state.lostSince.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  setTimeout(() => {
    if (state.lostSince && !state.gone) say(`The service cannot be reached since ${since}; trying again.`);
  }, LOST_MS);
}

function found() {
  if (!state.lostSince) return;
  state.lostSince = null;
  say("");
  tell("found");
  catchUp();
}

/** Why the service lets nobody in who came in before: the study is gone, or the sign-in has ended. */
async function why() {
  const answer = await fetch(address + "?for_seconds=0", { headers: { Accept: "text/event-stream" } });
  await answer.body?.cancel();
  if (answer.status === 404) tookGone("");
  else if (answer.status === 401 || answer.status === 403) location.reload();
  return answer.ok;
}

// Events

function listen() {
  const source = new EventSource(state.last ? `${address}?after=${encodeURIComponent(state.last)}` : address);
  state.source = source;
  const on = (name, took) =>
    source.addEventListener(name, (event) => {
      heard();
      if (event.lastEventId) state.last = event.lastEventId;
      took(JSON.parse(event.data));
    });
  on("status", (status) => tookStatus(status, !state.followed));
  on("change", tookChange);
  on("begin", () => (found(), tell("begin"), refreshAll()));
  on("study", (study) => (found(), tell("study", study), refresh(new Set(["changed"]))));
  on("gone", (gone) => (tookGone(gone.study), refresh(new Set(["changed"]))));
  source.onopen = () => state.last && (heard(), found());
  source.onerror = () => failed(source);
  unheard();
}

/** From now on, or from earlier, nothing is heard: whether the connection is open, is being made, or is refused. */
function unheard() {
  state.deaf ||= setTimeout(fallBack, SILENT_MS);
}

function heard() {
  clearTimeout(state.deaf);
  state.deaf = 0;
}

/** The browser tries again by itself where the connection broke, and never where it got another answer. */
function failed(source) {
  if (state.source !== source) return;
  lost();
  unheard();
  if (source.readyState !== EventSource.CLOSED) return;
  state.source = null;
  why().catch(() => false).then(() => {
    if (!state.gone && !state.source && !document.hidden) later(listen, RETRY_MS);
  });
}

// Long polling, where something in between keeps events back

let again = 0;

function fallBack() {
  stop();
  again ||= setTimeout(() => {
    again = 0;
    if (!document.hidden && !state.gone) anew();
  }, AGAIN_MS);
  poll();
}

/** Ask again and again, one after another; where the service was away and is back, events may come again, too. */
async function poll(wasAway = false) {
  const polling = (state.polling = new AbortController());
  const all = address.endsWith("/v1/events");
  const next = (away, milliseconds) => later(() => state.polling === polling && poll(away), milliseconds);
  try {
    const headers = { Accept: "application/json" };
    const answer = await fetch(all ? `${document.body.dataset.root}/healthz` : status(), { signal: polling.signal, headers });
    if (answer.status === 404) return tookGone("");
    if (answer.status === 401 || answer.status === 403) return location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    if (all) (found(), tell("begin"), refreshAll());
    else tookStatus(await answer.json(), true);
    if (wasAway) return anew();
    next(false, all ? LOOK_MS : 1_000);
  } catch {
    if (polling.signal.aborted) return;
    lost();
    next(true, RETRY_MS);
  }
}

const status = () => `${address.replace(/\/events$/, "/status")}?wait_seconds=${POLL_SECONDS}&after=${state.version}`;

// Coming and going

let hiding = 0;
let beat = Date.now();

function anew() {
  stop();
  listen();
}

function shown() {
  clearTimeout(hiding);
  if (state.gone) return;
  if (document.hidden) hiding = setTimeout(stop, HIDDEN_MS);
  else if (!state.source && !state.polling) listen();
}

if (address) {
  document.addEventListener("visibilitychange", shown);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => event.persisted && shown());
  addEventListener("online", () => !state.gone && !document.hidden && anew());
  setInterval(() => {
    const slept = Date.now() - beat > SLEPT_MS;
    beat = Date.now();
    if (slept && !state.gone && !document.hidden) anew();
  }, BEAT_MS);
  shown();
}
