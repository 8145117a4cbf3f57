// What an admin may do: buttons and dialogs that call the API, say that they wait, and what went wrong.

// The answer of the API in words: a problem's detail, and what is wrong with each field.
async function wrongIn(answer) {
  const problem = await answer.json().catch(() => ({}));
  const fields = (problem.errors ?? []).map(({ loc, msg }) => `${(loc ?? []).filter((part) => part !== "body").join(".")}: ${msg}`);
  return [problem.detail ?? `The service answered ${answer.status}.`, ...fields].join(" ");
}

async function call(method, address, body) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(address, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("The service cannot be reached; nothing was changed, as far as is known. Try again.");
  }
  if (!answer.ok) throw new Error(await wrongIn(answer));
}

function say(alert, text) {
  alert.textContent = text;
  alert.hidden = !text;
}

// A field's value as JSON; undefined where it is left out.
function valueOf(field) {
  const { kind, empty } = field.dataset;
  if (kind === "text") return field.value;
  if (field.value === "") return empty === "null" ? null : undefined;
  if (kind === "json") return JSON.parse(field.value);
  if (kind === "loose") { try { return JSON.parse(field.value); } catch { return field.value; } }
  return Number(field.value);
}

function bodyOf(form) {
  if (form.dataset.body) return JSON.parse(form.dataset.body);
  const named = [...form.elements].filter((field) => field.name).map((field) => [field.name, valueOf(field)]);
  const found = Object.fromEntries(named.filter(([, value]) => value !== undefined));
  if (form.dataset.emptyForm && !Object.keys(found).length) throw new Error(form.dataset.emptyForm);
  if (!named.length) return undefined;
  return form.dataset.under ? { [form.dataset.under]: found } : found;
}

// Run something while a button waits; what goes wrong is said in `alert`. Whether it went well.
async function waiting(button, alert, run) {
  say(alert, "");
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await run();
    return true;
  } catch (error) {
    say(alert, error.message);
    return false;
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

async function fill(form) {
  const alert = form.querySelector('[role="alert"]');
  try {
    const answer = await fetch(form.dataset.to);
    if (!answer.ok) throw new Error(await wrongIn(answer));
    const study = await answer.json();
    for (const field of form.elements) if (field.name) field.value = study[field.name] ?? "";
  } catch (error) {
    say(alert, error.message);
  }
}

async function open(button) {
  const dialog = document.getElementById(`dialog-${button.dataset.dialog}`);
  const form = dialog.querySelector("form");
  say(form.querySelector('[role="alert"]'), "");
  form.reset();
  check(form);
  if ("fill" in form.dataset) await fill(form);
  dialog.showModal();
  // The button may have come anew meanwhile.
  dialog.onclose = () => document.querySelector(`[data-dialog="${button.dataset.dialog}"]`)?.focus();
}

function check(form) {
  const field = form.querySelector("[data-must]");
  if (field) form.querySelector("button:not([data-close])").disabled = field.value !== field.dataset.must;
}

async function submit(form, button, refreshAll) {
  const well = await waiting(button, form.querySelector('[role="alert"]'), () => call(form.dataset.call, form.dataset.to, bodyOf(form)));
  check(form);
  if (!well) return;
  if (form.dataset.then) { location.assign(form.dataset.then); return; }
  form.closest("dialog").close();
  if ("reload" in form.dataset) location.reload();
  else await refreshAll();
}

// Begin to listen; `refreshAll` fetches the parts of the page anew.
export function act(refreshAll) {
  const main = document.getElementById("main");
  main.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("close" in button.dataset) button.closest("dialog").close();
    else if (button.dataset.dialog) await open(button);
    else if (button.dataset.call) {
      const alert = button.parentElement.querySelector('[role="alert"]');
      const api = document.body.dataset.events.replace(/\/events$/, "");
      if (await waiting(button, alert, () => call(button.dataset.call, api, JSON.parse(button.dataset.body)))) {
        await refreshAll();
        main.querySelector("#actions button")?.focus();
      }
    }
  });
  main.addEventListener("input", (event) => { if ("must" in event.target.dataset) check(event.target.form); });
  main.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-call]");
    if (!form) return;
    event.preventDefault();
    submit(form, event.submitter ?? form.querySelector("button:not([data-close])"), refreshAll);
  });
}
