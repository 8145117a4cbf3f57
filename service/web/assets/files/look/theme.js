// The colours one chose, before anything is painted; none chosen, those of the system. Tells `lrtune:theme` to the
// document when they change, by choice or by the system, for what is drawn in colours of the page.
"use strict";
{
  const html = document.documentElement;
  const kept = () => { try { return localStorage.getItem("lrtune-theme") ?? "auto"; } catch { return "auto"; } };
  const keep = (theme) => { try { localStorage.setItem("lrtune-theme", theme); } catch { /* for this page alone */ } };
  const wear = (theme) => {
    if (theme === "light" || theme === "dark") html.dataset.theme = theme;
    else delete html.dataset.theme;
  };
  const tell = () => document.dispatchEvent(new CustomEvent("lrtune:theme"));

  wear(kept());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
  addEventListener("storage", (event) => { if (event.key === "lrtune-theme") { wear(kept()); tell(); } });
  document.addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    if (!choice) return;
    choice.value = kept();
    choice.closest("[hidden]")?.removeAttribute("hidden");
    choice.addEventListener("change", () => { keep(choice.value); wear(choice.value); tell(); });
  });
}
