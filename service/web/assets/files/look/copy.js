// `<button data-copy="id">` copies the text of the element with that id, and says so to eye and ear. Also of buttons
// that come into the page later.

const said = document.createElement("p");
said.className = "unseen";
said.setAttribute("role", "status");
document.body.append(said);

async function put(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea"); // over plain HTTP browsers have no clipboard but this
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("not copied");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copy]");
  const from = button && document.getElementById(button.dataset.copy);
  if (!from) return;
  const text = (from.value ?? from.textContent).trim();
  try {
    await put(text);
    said.textContent = "Copied";
    button.classList.add("done");
  } catch {
    said.textContent = "Not copied: select the text and copy it by hand";
    getSelection().selectAllChildren(from);
  }
  setTimeout(() => { button.classList.remove("done"); said.textContent = ""; }, 2000);
});
