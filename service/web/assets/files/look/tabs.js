// Tabs: within `data-tabs="group"` buttons with role="tab" choose which panel is seen. Which one is remembered, also when
// the part around them comes anew.
const kept = new Map();

function apply(tabs) {
  const list = tabs.querySelector('[role="tablist"]');
  const buttons = [...list.querySelectorAll('[role="tab"]')];
  const chosen = buttons.find((button) => button.id === kept.get(tabs.dataset.tabs)) ?? buttons[0];
  list.hidden = false;
  for (const button of buttons) {
    const is = button === chosen;
    button.setAttribute("aria-selected", String(is));
    button.tabIndex = is ? 0 : -1;
    document.getElementById(button.getAttribute("aria-controls")).hidden = !is;
  }
}

function choose(button, focus) {
  const tabs = button.closest("[data-tabs]");
  kept.set(tabs.dataset.tabs, button.id);
  apply(tabs);
  if (focus) button.focus();
}

export function keepTabs() {
  const all = () => { for (const tabs of document.querySelectorAll("[data-tabs]")) apply(tabs); };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.('[data-tabs] [role="tab"]');
    if (button) choose(button, false);
  });
  document.addEventListener("keydown", (event) => {
    const button = event.target.closest?.('[data-tabs] [role="tab"]');
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!button || !step) return;
    const buttons = [...button.parentElement.children];
    choose(buttons[(buttons.indexOf(button) + step + buttons.length) % buttons.length], true);
  });
  all();
  const fresh = (record) => [...record.addedNodes].some((node) => node.querySelector?.("[data-tabs]") || node.matches?.("[data-tabs]"));
  new MutationObserver((records) => { if (records.some(fresh)) all(); }).observe(document.getElementById("main"), { childList: true, subtree: true });
}
