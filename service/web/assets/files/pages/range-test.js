// The page of range tests: what is pasted, or read from a file, is analysed and drawn by the service.
import { putIn } from "../live/html.js";
import { draw } from "../pictures/pictures.js";

const form = document.getElementById("form");
const text = document.getElementById("text");
const wrong = document.getElementById("wrong");
const found = document.getElementById("found");
const figure = document.getElementById("drawn");
const button = document.getElementById("analyse");
const LARGEST = 1_000_000; // characters: more than the service takes

function say(why) {
  wrong.textContent = why;
  wrong.hidden = !why;
  if (why) text.setAttribute("aria-invalid", "true");
  else text.removeAttribute("aria-invalid");
}

async function found_in(body) {
  const headers = { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(form.dataset.to, { method: "POST", headers, body });
  } catch {
    throw new Error("The service cannot be reached.");
  }
  if (answer.ok) return answer.text();
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.errors?.[0]?.msg ?? problem.detail ?? `The service answered ${answer.status}.`);
}

async function analyse() {
  say("");
  const given = text.value;
  if (given.length > LARGEST) { say("This is too long: leave steps out until it has no more than 10,000 lines."); return; }
  button.disabled = true;
  try {
    const body = JSON.stringify({ text: given });
    putIn(found, await found_in(body));
    figure.hidden = false;
    figure.dataset.picture = form.dataset.picture;
    figure.dataset.body = body;
    await draw(figure);
  } catch (error) {
    say(error.message);
    const line = Number(/^line (\d+)/.exec(error.message)?.[1]);
    if (line) choose(line);
  } finally {
    button.disabled = false;
  }
}

// Put the cursor on the line that is named.
function choose(line) {
  const lines = text.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
}

form.addEventListener("submit", (event) => { event.preventDefault(); analyse(); });
document.getElementById("example").addEventListener("click", () => {
  text.value = document.getElementById("made").content.textContent;
  analyse();
});

async function take(file) {
  if (!file) return;
  if (file.size > LARGEST) { say(`${file.name} is too large: a range test has no more than 10,000 lines.`); return; }
  text.value = await file.text();
  analyse();
}
const file = document.getElementById("file");
file.addEventListener("change", async () => { await take(file.files[0]); file.value = ""; });
text.addEventListener("dragover", (event) => event.preventDefault());
text.addEventListener("drop", (event) => {
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
