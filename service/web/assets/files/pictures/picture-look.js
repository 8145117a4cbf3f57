// A picture's layout in the colours of the page and at the width that there is.
const NARROW = 520;
const GAP = 0.16;

function colors() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { text: of("--text"), quiet: of("--quiet"), line: of("--line"), card: of("--card") };
}

const axes = (layout, letter) => Object.keys(layout).filter((key) => new RegExp(`^${letter}axis\\d*$`).test(key));

// `layout`, changed: colours, margins, and on narrow screens its panels one under another.
export function fitted(layout, place) {
  const { text, quiet, line, card } = colors();
  delete layout.title;
  Object.assign(layout, { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest", uirevision: "kept" });
  layout.font = { family: getComputedStyle(place).fontFamily, color: text, size: 12 };
  layout.margin = { l: 52, r: 12, t: 12, b: 44, ...layout.margin };
  layout.showlegend = false; // It stands below, as a list.
  delete layout.height; // It is that of its place.
  layout.hoverlabel = { bgcolor: card, bordercolor: line, font: { color: text }, align: "left" };
  for (const key of [...axes(layout, "x"), ...axes(layout, "y")]) {
    const powers = layout[key].type === "log" && !layout[key].tickformat; // Plotly writes those a quarter larger.
    layout[key] = { gridcolor: line, zerolinecolor: line, linecolor: quiet, tickfont: { color: quiet, size: powers ? 10 : 12 }, automargin: true, ...layout[key] };
  }
  if (place.clientWidth < NARROW) stack(layout);
  const rows = new Set(axes(layout, "y").map((key) => layout[key].domain?.[0] ?? 0)).size;
  place.style.height = rows > 1 ? `${16 * rows + 4}rem` : "";
  return layout;
}

// Panels beside each other come one under another.
function stack(layout) {
  const across = axes(layout, "x");
  const starts = new Set(across.map((key) => layout[key].domain?.[0] ?? 0));
  if (starts.size < 2) return;
  layout.margin.t = Math.max(layout.margin.t, 28); // For the first one's title.
  const height = (1 - GAP * (across.length - 1)) / across.length;
  across.forEach((key, index) => {
    const top = 1 - index * (height + GAP);
    layout[key].domain = [0, 1];
    for (const up of axes(layout, "y")) {
      if ((layout[up].anchor ?? "x") !== key.replace("axis", "")) continue;
      layout[up].domain = [Math.max(top - height, 0), top];
      layout[up].showticklabels = true; // Beside each other the first has those of all.
    }
  });
}
