// What the page does: the span that is shown, the cursor, zooming by mouse and keyboard, the table of events.
const LEAST_SPAN = 10, MOST_KEYS = 18, MOST_TOLD = 4, MORE_LANES = 20, MORE_EVENTS = 200;
const whole = () => ({ from: 0, to: END });
const state = { view: whole(), cursor: null, anchor: null, lanes: MORE_LANES, events: MORE_EVENTS, filter: "", kind: "" };
const element = (id) => document.getElementById(id);
const charts = [...document.querySelectorAll("svg.chart")];
let printing = false;

// --- drawing ----------------------------------------------------------------------------------------------------------

function draw() {
  for (const svg of charts) {
    const focused = svg.contains(document.activeElement) && document.activeElement !== svg;
    const width = printing ? 1040 : Math.max(Math.round(svg.parentElement.clientWidth), 320);
    const view = { ...state.view, width, gutter: width < 640 ? 74 : 138 };
    svg.replaceChildren();
    const plot = add(svg, "g");
    const height = drawn(svg, plot, view);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.layout = svg.dataset.chart === "overview" ? { ...view, ...whole() } : view;
    svg.tall = height - AXIS;
    svg.selection = add(svg, "rect", { class: "selection", y: 0, height: svg.tall, width: 0 });
    svg.hair = add(svg, "line", { class: "hair", y1: 0, y2: svg.tall });
    if (focused) svg.focus();
  }
  legend();
  controls();
  events();
  crosshair();
}

function drawn(svg, plot, view) {
  if (svg.dataset.chart === "overview") return drawOverview(plot, { ...view, ...whole() }, view);
  if (svg.dataset.chart === "workloads") {
    const shown = workloadsIn(view, printing ? 2 * MORE_LANES : state.lanes);
    element("more-lanes").textContent = `Show ${counted(shown.more, "more workload")}`;
    element("more-lanes").hidden = !shown.more;
    return drawWorkloads(plot, view, shown);
  }
  return drawPool(plot, view, Number(svg.dataset.chart));
}

function legend() {
  const seen = new Set();
  for (const pool of POOLS) {
    for (const part of columns(pool, state.view.from, state.view.to, 500)) {
      pool.versions.forEach((version, index) => { if (pool.counts[index][part.step]) seen.add(version); });
    }
  }
  const items = [...seen].sort((one, other) => one - other).map((version) => {
    const item = document.createElement("li");
    const key = add(item, "svg", { class: "key", viewBox: "0 0 18 14", "aria-hidden": "true" });
    add(key, "rect", { width: 18, height: 14, fill: fillOf(version) });
    item.append(SHORT[version]);
    return item;
  });
  const many = document.createElement("li");
  many.textContent = `${counted(items.length, "image version")}, in colours and patterns in turn: zoom in for their names`;
  element("versions").replaceChildren(...(items.length > MOST_KEYS ? [many] : items));
}

function controls() {
  const { from, to } = state.view, isWhole = from <= 0 && to >= END;
  element("shown").textContent = `${full(from, false)} to ${full(to, false)}, ${lasting(to - from)}${isWhole ? " (the whole forecast)" : ""}`;
  for (const id of ["whole", "out", "left", "right"]) element(id).disabled = isWhole;
  element("in").disabled = to - from <= LEAST_SPAN;
  for (const [id, at] of [["from", from], ["to", to]]) {
    if (document.activeElement !== element(id)) element(id).value = `${day(at)}T${clock(at)}`;
  }
}

// --- zoom -------------------------------------------------------------------------------------------------------------

function show(from, to) {
  let [since, until] = [Math.min(from, to), Math.max(from, to)];
  const length = Math.min(Math.max(until - since, LEAST_SPAN), END);
  since = Math.min(Math.max(since, 0), END - length);
  until = since + length;
  state.view = { from: since, to: until };
  state.anchor = null;
  if (state.cursor !== null && (state.cursor < since || state.cursor > until)) state.cursor = null;
  history.replaceState(null, "", length >= END ? "#" : `#from=${Math.round(since)}&to=${Math.round(until)}`);
  draw();
}

function zoom(factor, around = state.cursor) {
  const { from, to } = state.view, middle = around === null ? (from + to) / 2 : around;
  show(middle - (middle - from) * factor, middle + (to - middle) * factor);
}

const move = (share) => show(state.view.from + (state.view.to - state.view.from) * share, state.view.to + (state.view.to - state.view.from) * share);

// --- cursor -----------------------------------------------------------------------------------------------------------

// What holds at an instant: in the pool whose chart it is asked of where there are many, else in all of them.
function told(at, svg) {
  const lines = [full(at)];
  const open = WINDOWS.filter((window) => window.since <= at && (window.until === null || window.until > at));
  if (open.length) lines.push(`window open: ${open.map((window) => window.name).join(", ")}`);
  const own = Number(svg.dataset.chart), asked = POOLS.length > MOST_TOLD && own >= 0 ? [own] : POOLS.keys();
  for (const number of [...asked].slice(0, MOST_TOLD)) {
    const pool = POOLS[number], step = stepAt(pool.at, at);
    if (step < 0) continue;
    const versions = pool.versions.map((version, index) => [version, pool.counts[index][step]]).filter(([, nodes]) => nodes);
    const nodes = versions.map(([version, count]) => `${count} on ${SHORT[version]}`).join(", ") || "no nodes";
    lines.push(`${pool.name}: ${nodes}; ${pool.used[step]} disrupted, ${allowedText(pool.allowed[step])} allowed`);
    const holds = (item) => item.pool === number && item.since <= at && (item.until === null || item.until > at);
    for (const item of BUDGET_WAITS.filter(holds)) lines.push(`  ${item.node} blocked: ${item.reason}`);
    const held = BLOCKED.filter(holds);
    for (const item of held.slice(0, 3)) lines.push(`  ${item.node} blocked: ${item.reason}`);
    if (held.length > 3) lines.push(`  and ${held.length - 3} more blocked`);
  }
  return lines;
}

function crosshair() {
  for (const svg of charts) {
    const { layout } = svg, at = state.cursor, isOn = at !== null && at >= layout.from && at <= layout.to;
    svg.hair.style.display = isOn ? "" : "none";
    if (isOn) { svg.hair.setAttribute("x1", xOf(layout, at)); svg.hair.setAttribute("x2", xOf(layout, at)); }
    const selected = isOn && state.anchor !== null;
    svg.selection.style.display = selected ? "" : "none";
    if (selected) {
      const [one, other] = [xOf(layout, inside(layout, state.anchor)), xOf(layout, at)];
      svg.selection.setAttribute("x", Math.min(one, other));
      svg.selection.setAttribute("width", Math.abs(one - other));
    }
  }
}

function tip(lines, x, y) {
  const box = element("tip");
  box.hidden = !lines;
  if (!lines) return;
  box.textContent = lines.join("\n");
  const room = document.documentElement.clientWidth;
  box.style.left = `${Math.max(Math.min(x + 14, room - box.offsetWidth - 8), 4) + scrollX}px`;
  box.style.top = `${(y + 18 + box.offsetHeight > innerHeight ? y - box.offsetHeight - 10 : y + 18) + scrollY}px`;
}

function place(svg, at) {
  const box = svg.getBoundingClientRect();
  return [box.left + (xOf(svg.layout, at) / svg.layout.width) * box.width, box.top + 30];
}

function setCursor(svg, at, select) {
  const { from, to } = svg.layout;
  if (select && state.anchor === null) state.anchor = state.cursor === null ? from : state.cursor;
  if (!select) state.anchor = null;
  state.cursor = Math.min(Math.max(at, from), to);
  crosshair();
  const lines = told(state.cursor, svg);
  if (state.anchor !== null) lines.push(`selected: ${lasting(Math.abs(state.cursor - state.anchor))}; Enter zooms to it`);
  tip(lines, ...place(svg, state.cursor));
  element("said").textContent = lines.join(". ");
}

// A hundredth of what is shown, onwards or back.
function neighbour(svg, direction) {
  const { from, to } = svg.layout, now = state.cursor === null ? (direction > 0 ? from : to) : state.cursor;
  return now + direction * ((to - from) / 100);
}

const KEYS = {
  ArrowLeft: (svg, event) => setCursor(svg, neighbour(svg, -1), event.shiftKey),
  ArrowRight: (svg, event) => setCursor(svg, neighbour(svg, 1), event.shiftKey),
  PageUp: () => move(-0.5),
  PageDown: () => move(0.5),
  Home: (svg, event) => setCursor(svg, svg.layout.from, event.shiftKey),
  End: (svg, event) => setCursor(svg, svg.layout.to, event.shiftKey),
  Enter: () => (state.anchor === null ? zoom(0.25) : show(state.anchor, state.cursor)),
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => show(0, END),
  Escape: () => { if (state.anchor !== null) { state.anchor = null; crosshair(); } else { tip(null); show(0, END); } },
};

function pressed(event) {
  const key = KEYS[event.key];
  if (!key || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  key(event.currentTarget, event);
}

// --- mouse ------------------------------------------------------------------------------------------------------------

function instant(svg, event) {
  const box = svg.getBoundingClientRect(), { from, to, width, gutter } = svg.layout;
  const x = ((event.clientX - box.left) / box.width) * width;
  return x < gutter ? null : Math.min(from + ((x - gutter) / plotWidth(svg.layout)) * (to - from), to);
}

function hovered(event) {
  const svg = event.currentTarget, at = instant(svg, event);
  if (at === null) { left(); return; }
  state.cursor = at;
  const thing = event.target.closest("[tabindex]");
  crosshair();
  tip(thing && thing !== svg ? [full(at), ...thing.told] : told(at, svg), event.clientX, event.clientY);
}

function left() {
  if (state.anchor !== null) return;
  state.cursor = null;
  crosshair();
  tip(null);
}

function watch(svg) {
  svg.addEventListener("keydown", pressed);
  svg.addEventListener("pointermove", hovered);
  svg.addEventListener("pointerleave", left);
  svg.addEventListener("pointerdown", (event) => { if (event.button === 0) state.anchor = instant(svg, event); });
  svg.addEventListener("pointerup", (event) => {
    const [one, other] = [state.anchor, instant(svg, event)];
    state.anchor = null;
    if (one === null || other === null) return;
    if (Math.abs(xOf(svg.layout, one) - xOf(svg.layout, other)) > 5) show(one, other); else crosshair();
  });
  svg.addEventListener("dblclick", () => show(0, END));
  svg.addEventListener("focusin", (event) => {
    const lines = event.target.told;
    if (lines) { const box = event.target.getBoundingClientRect(); tip(lines, box.left, box.bottom); }
  });
  svg.addEventListener("focusout", () => { tip(null); state.cursor = state.anchor = null; crosshair(); });
}

// --- events -----------------------------------------------------------------------------------------------------------

function wanted([at, what, object, why]) {
  if (state.kind && what.replace(/ ×\d+$/, "") !== state.kind) return false;
  if (element("inview").checked && (at < state.view.from || at > state.view.to)) return false;
  return !state.filter || `${full(at)} ${what} ${object} ${why}`.toLowerCase().includes(state.filter);
}

function events() {
  const found = DATA.events.filter(wanted), shown = found.slice(0, state.events);
  element("rows").replaceChildren(...shown.map(([at, what, object, why]) => {
    const row = document.createElement("tr"), first = document.createElement("td"), go = document.createElement("button");
    go.type = "button";
    go.className = "time";
    go.textContent = full(at);
    go.title = "Show half an hour around it";
    go.addEventListener("click", () => { state.cursor = at; show(at - 900, at + 900); element("charts").scrollIntoView(); });
    first.append(go);
    row.append(first, ...[what, object, why].map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return row;
  }));
  element("count").textContent = `${found.length} of ${DATA.events.length}`;
  element("more-events").hidden = shown.length === found.length;
}

// --- beginning --------------------------------------------------------------------------------------------------------

function patterns() {
  const defs = element("patterns");
  const textures = [
    () => {},
    (it) => add(it, "path", { d: "M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4", class: "mark" }),
    (it) => add(it, "circle", { cx: 4, cy: 4, r: 1.5, class: "mark dot" }),
    (it) => add(it, "path", { d: "M-2,6 l4,4 M0,0 l8,8 M6,-2 l4,4", class: "mark" }),
  ];
  for (let number = 0; number < COLOURS.length * TEXTURES; number++) {
    const made = add(defs, "pattern", { id: `version${number}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" });
    add(made, "rect", { width: 8, height: 8, fill: COLOURS[number % COLOURS.length] });
    textures[(number + Math.floor(number / COLOURS.length)) % TEXTURES](made);
  }
}

function fromInputs() {
  const read = (id) => {
    const wall = Date.parse(`${element(id).value}Z`) / 1000 - DATA.start;
    return wall - offsetAt(wall - offsetAt(wall)[1])[1];
  };
  const [from, to] = [read("from"), read("to")];
  if (Number.isFinite(from) && Number.isFinite(to) && from < to) show(from, to);
}

function begin() {
  patterns();
  charts.forEach(watch);
  for (const [id, act] of [["whole", () => show(0, END)], ["in", () => zoom(0.5)], ["out", () => zoom(2)],
    ["left", () => move(-0.5)], ["right", () => move(0.5)],
    ["more-events", () => { state.events += MORE_EVENTS * 5; events(); }]]) element(id).addEventListener("click", act);
  element("span").addEventListener("submit", (event) => { event.preventDefault(); fromInputs(); });
  element("goto").addEventListener("change", (event) => {
    if (!event.target.value) return;
    const [from, to] = event.target.value.split(" ").map(Number), pad = Math.max((to - from) * 0.08, 600);
    show(to - from >= END ? 0 : from - pad, to - from >= END ? END : to + pad);
  });
  element("utc").addEventListener("change", (event) => { zone.utc = event.target.checked; draw(); });
  element("filter").addEventListener("input", (event) => { state.filter = event.target.value.toLowerCase(); events(); });
  element("kind").addEventListener("change", (event) => { state.kind = event.target.value; events(); });
  element("inview").addEventListener("change", events);
  const more = element("more-lanes");
  if (more) more.addEventListener("click", () => { state.lanes = Infinity; draw(); });
  document.querySelectorAll("button.day").forEach((it) => it.addEventListener("click", () => {
    show(Number(it.dataset.from), Number(it.dataset.to));
    element("charts").scrollIntoView();
  }));
  for (const kind of [...new Set(DATA.events.map(([, what]) => what.replace(/ ×\d+$/, "")))].sort()) element("kind").append(new Option(kind, kind));
  element("goto").append(new Option("the whole forecast", `0 ${END}`), ...DATA.rollouts.map(([at, version, pool, end]) => new Option(`${version} in ${pool}`, `${at} ${end}`)));
  const asked = new URLSearchParams(location.hash.slice(1));
  const [from, to] = asked.has("from") ? [Number(asked.get("from")), Number(asked.get("to"))] : DATA.opens_at;
  state.view = to > from ? { from: Math.max(from, 0), to: Math.min(to, END) } : whole();
  addEventListener("resize", draw);
  addEventListener("beforeprint", () => { printing = true; document.querySelectorAll("details").forEach((it) => { it.open = true; }); draw(); });
  addEventListener("afterprint", () => { printing = false; draw(); });
  draw();
}

begin();
