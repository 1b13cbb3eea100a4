// Lanes of the charts, each a function that adds what it shows to an SVG. `view` is {from, to, width, gutter}.
const SVG = "http://www.w3.org/2000/svg";
const STACK = 132, BUDGET = 60, ROW = 18, DENSE = 30, LANE = 24, AXIS = 20, GAP = 12;
const MOST_ROWS = 16, MOST_NAMES = 12;

function add(parent, name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

const round = (number) => Math.round(number * 10) / 10;
const plotWidth = (view) => view.width - view.gutter - 8;
const xOf = (view, at) => round(view.gutter + ((at - view.from) / (view.to - view.from)) * plotWidth(view));
const inside = (view, at) => Math.min(Math.max(at, view.from), view.to);

function label(svg, view, y, text, extra = "") {
  const room = Math.floor((view.gutter - 10) / 6.3);
  const shown = text.length > room ? `${text.slice(0, Math.max(room - 1, 1))}…` : text;
  const made = add(svg, "text", { class: `label side ${extra}`, x: view.gutter - 8, y }, shown);
  if (shown !== text) add(made, "title", {}, text);
}

function axis(svg, view, height) {
  let free = 0;
  const { step, found } = ticks(view.from, view.to, Math.max(Math.floor(plotWidth(view) / 95), 2));
  for (const at of found) {
    const x = xOf(view, at);
    add(svg, "line", { class: "tick", x1: x, x2: x, y1: 0, y2: height });
    const text = tickText(at, step), x1 = Math.min(x + 3, view.width - 4 - text.length * 6.4);
    if (x1 < free) continue;
    add(svg, "text", { class: "label", x: round(x1), y: height + 14 }, text);
    free = x1 + text.length * 6.4 + 6;
  }
  add(svg, "line", { class: "base", x1: view.gutter, x2: view.width - 8, y1: height, y2: height });
}

// Shaded behind everything else; a band on top of it, so that it is seen where nodes fill the height.
function shades(svg, view, height) {
  for (const window of WINDOWS) {
    if (!overlaps(window, view.from, view.to)) continue;
    const since = xOf(view, inside(view, window.since));
    const until = xOf(view, inside(view, window.until === null ? END : window.until));
    const size = { x: since, y: 0, width: round(Math.max(until - since, 1.5)) };
    add(svg, "rect", { class: "window", ...size, height });
    add(svg, "rect", { class: "band", ...size, height: 4 });
  }
}

// Where the edges of a window go through what is drawn over it.
function edges(svg, view, height) {
  for (const window of WINDOWS) {
    if (xOf(view, window.until === null ? END : window.until) - xOf(view, window.since) < 10) continue;
    for (const at of [window.since, window.until]) {
      if (at === null || at < view.from || at > view.to) continue;
      add(svg, "line", { class: "edge", x1: xOf(view, at), x2: xOf(view, at), y1: 0, y2: height });
    }
  }
}

function pickups(svg, view, pool) {
  for (const [at, version, name] of DATA.rollouts) {
    if (name !== pool.name || at < view.from || at > view.to) continue;
    add(svg, "text", { class: "label pickup", x: xOf(view, at), y: 15, "data-version": version }, "▼");
  }
}

// --- a pool -----------------------------------------------------------------------------------------------------------

function stepped(parts, view, y, backwards = false) {
  const corners = parts.flatMap((part) => [`${xOf(view, part.from)},${y(part)}`, `${xOf(view, part.to)},${y(part)}`]);
  return (backwards ? corners.reverse() : corners).join(" ");
}

function stack(svg, view, pool, parts) {
  const lower = new Map(parts.map((part) => [part, 0]));
  const y = (nodes) => round(STACK - (nodes / pool.most) * (STACK - 16));
  const scale = pool.most > 1 ? [pool.most, Math.round(pool.most / 2)] : [pool.most];
  pool.versions.forEach((version, index) => {
    const upper = new Map(parts.map((part) => [part, lower.get(part) + pool.counts[index][part.step]]));
    if (parts.some((part) => upper.get(part) !== lower.get(part))) {
      const outline = `${stepped(parts, view, (it) => y(upper.get(it)))} ${stepped(parts, view, (it) => y(lower.get(it)), true)}`;
      add(svg, "polygon", { class: "area", points: outline, fill: fillOf(version), "data-version": DATA.versions[version] });
      named(svg, view, parts, (part) => [y(upper.get(part)), y(lower.get(part))], SHORT[version]);
    }
    for (const part of parts) lower.set(part, upper.get(part));
  });
  for (const nodes of [...scale, 0]) {
    add(svg, "line", { class: "rule", x1: view.gutter, x2: view.width - 8, y1: y(nodes), y2: y(nodes) });
    label(svg, view, y(nodes) + 4, nodes === pool.most ? counted(nodes, "node") : String(nodes));
  }
}

// The name of a version in its area, where that is longest and high enough for it.
function named(svg, view, parts, edges, text) {
  let best = null, run = null;
  for (const part of parts) {
    const [top, bottom] = edges(part);
    if (bottom - top < 15) { run = null; continue; }
    const shared = run && Math.min(run.bottom, bottom) - Math.max(run.top, top) >= 13;
    run = shared
      ? { ...run, to: part.to, top: Math.max(run.top, top), bottom: Math.min(run.bottom, bottom) }
      : { from: part.from, to: part.to, top, bottom };
    if (!best || run.to - run.from > best.to - best.from) best = run;
  }
  if (!best || xOf(view, best.to) - xOf(view, best.from) < text.length * 6.6 + 10) return;
  const middle = (xOf(view, best.from) + xOf(view, best.to)) / 2;
  add(svg, "text", { class: "label inner", x: round(middle), y: round((best.top + best.bottom) / 2 + 4) }, text);
}

function budget(svg, view, pool, parts, top) {
  const bottom = top + BUDGET, height = BUDGET - 18;
  const y = (number) => (number === UNLIMITED ? top + 7 : round(bottom - (number / pool.top) * height));
  const used = stepped(parts, view, (part) => y(part.used));
  const [first, last] = [parts[0], parts[parts.length - 1]];
  const often = parts.filter((part, index) => index && part.allowed !== parts[index - 1].allowed).length > plotWidth(view) / 12;
  if (often) {
    const range = ranges(parts, view);
    const outline = `${stepped(range, view, (it) => y(it.most))} ${stepped(range, view, (it) => y(it.least), true)}`;
    add(svg, "polygon", { class: "allowed range", points: outline });
  } else {
    add(svg, "polyline", { class: "allowed", points: stepped(parts, view, (part) => y(part.allowed)) });
  }
  add(svg, "polygon", { class: "used", points: `${xOf(view, first.from)},${bottom} ${used} ${xOf(view, last.to)},${bottom}` });
  add(svg, "line", { class: "base", x1: view.gutter, x2: view.width - 8, y1: bottom, y2: bottom });
  if (pool.unlimited) label(svg, view, top + 10, "no limit");
  label(svg, view, top + 22, String(pool.top));
  label(svg, view, bottom, "0");
  label(svg, view, top + 41, often ? "allowed: from, to" : "disrupted", "quiet");
}

// What is allowed where it changes too often to be drawn: the least and the most of each stretch of the time shown.
function ranges(parts, view) {
  const many = Math.floor(plotWidth(view) / 16), found = [];
  const amount = (allowed) => (allowed === UNLIMITED ? Infinity : allowed);
  for (const part of parts) {
    const first = Math.floor(((part.from - view.from) / (view.to - view.from)) * many);
    const last = Math.max(Math.ceil(((part.to - view.from) / (view.to - view.from)) * many) - 1, first);
    for (let index = first; index <= Math.min(last, many - 1); index++) {
      const at = (number) => view.from + ((view.to - view.from) * number) / many;
      found[index] ||= { from: at(index), to: at(index + 1), least: part.allowed, most: part.allowed };
      if (amount(part.allowed) < amount(found[index].least)) found[index].least = part.allowed;
      if (amount(part.allowed) > amount(found[index].most)) found[index].most = part.allowed;
    }
  }
  return found.filter(Boolean);
}

// What is blocked: a row for all that wait for a budget, then blocked nodes.
function blockedRows(view, number) {
  const waits = BUDGET_WAITS.filter((item) => item.pool === number && overlaps(item, view.from, view.to));
  const row = { name: "wait for a budget", items: waits, height: ROW, dense: false };
  return [...(waits.length ? [row] : []), ...nodeRows(view, number)];
}

// Blocked nodes: a row for each while they are few, else a row for each reason with how many there are.
function nodeRows(view, number) {
  const shown = BLOCKED.filter((item) => item.pool === number && overlaps(item, view.from, view.to));
  const grouped = (key) => {
    const groups = new Map();
    for (const item of shown) groups.set(key(item), [...(groups.get(key(item)) || []), item]);
    return [...groups].map(([name, items]) => ({ name, items }));
  };
  const nodes = new Set(shown.map((item) => item.node)).size;
  if (nodes <= MOST_ROWS) return grouped((item) => item.node).map((row) => ({ ...row, height: ROW, dense: false }));
  const groups = new Map();
  for (const item of shown) {
    if (!groups.has(item.reason)) groups.set(item.reason, []);
    groups.get(item.reason).push(item);
  }
  return [...groups].map(([name, items]) => ({ name, items, height: DENSE, dense: true }));
}

function blockedTold(item) {
  const until = item.until === null ? "still so at the end" : `until ${full(item.until)}`;
  return `${item.node} blocked: ${item.reason}, from ${full(item.since)} ${until}. ${item.told}`;
}

function blocked(svg, view, rows, top) {
  for (const row of rows) {
    label(svg, view, top + (row.dense ? 13 : row.height - 5), row.name);
    if (row.dense) dense(svg, view, row, top);
    else for (const item of row.items) bar(svg, view, item, top);
    top += row.height;
  }
}

function bar(svg, view, item, top) {
  const since = xOf(view, inside(view, item.since));
  const until = xOf(view, inside(view, item.until === null ? END : item.until));
  const width = Math.max(until - since, 3);
  const group = add(svg, "g", { class: "blocked", tabindex: 0, role: "img", "aria-label": blockedTold(item) });
  add(group, "rect", { x: since, y: top + 3, width: round(width), height: ROW - 6 });
  if (width > item.reason.length * 6.3 + 8) add(group, "text", { class: "label", x: since + 4, y: top + 13 }, item.reason);
  group.told = [blockedTold(item)];
}

function counts(items, view, width) {
  const change = new Int32Array(width + 1);
  for (const item of items) {
    const since = Math.floor(((inside(view, item.since) - view.from) / (view.to - view.from)) * width);
    const end = inside(view, item.until === null ? END : item.until);
    const until = Math.max(Math.ceil(((end - view.from) / (view.to - view.from)) * width), since + 1);
    change[Math.min(since, width - 1)] += 1;
    change[Math.min(until, width)] -= 1;
  }
  let now = 0;
  return Array.from(change.subarray(0, width), (it) => { now += it; return now; });
}

function dense(svg, view, row, top) {
  const width = Math.floor(plotWidth(view) / 2), many = counts(row.items, view, width), most = Math.max(...many, 1);
  const at = (column) => view.from + ((view.to - view.from) * column) / width;
  const y = (number) => round(top + row.height - (number / most) * (row.height - 4));
  const parts = many.map((number, column) => ({ from: at(column), to: at(column + 1), number }));
  const nodes = [...new Set(row.items.map((item) => item.node))];
  const told = [`${counted(nodes.length, "node")} blocked here: ${row.name}, at most ${most} at once`,
    `${nodes.slice(0, MOST_NAMES).join(", ")}${nodes.length > MOST_NAMES ? ` and ${nodes.length - MOST_NAMES} more; zoom in for each` : ""}`,
    row.items[row.items.length - 1].told];
  const group = add(svg, "g", { class: "blocked", tabindex: 0, role: "img", "aria-label": told.join(". ") });
  const bottom = y(0);
  add(group, "polygon", { points: `${view.gutter},${bottom} ${stepped(parts, view, (it) => y(it.number))} ${view.width - 8},${bottom}` });
  label(svg, view, top + 26, `at most ${most} nodes`, "quiet");
  group.told = told;
}

function poolHeight(rows) {
  return STACK + GAP + BUDGET + (rows.length ? GAP : 0) + rows.reduce((sum, row) => sum + row.height, 0);
}

function drawPool(svg, view, number) {
  const pool = POOLS[number], rows = blockedRows(view, number), height = poolHeight(rows);
  const parts = columns(pool, view.from, view.to, Math.floor(plotWidth(view)));
  shades(svg, view, height);
  if (parts.length) stack(svg, view, pool, parts);
  edges(svg, view, height);
  pickups(svg, view, pool);
  if (parts.length) budget(svg, view, pool, parts, STACK + GAP);
  blocked(svg, view, rows, STACK + GAP + BUDGET + GAP);
  axis(svg, view, height);
  return height + AXIS;
}

// --- workloads, and the whole at a glance -----------------------------------------------------------------------------

// The evictions of a lane in the time shown, by columns of three units.
function binned(lane, view) {
  const width = Math.floor(plotWidth(view) / 3), bins = new Map();
  let sum = 0;
  lane.at.forEach((at, index) => {
    if (at < view.from || at > view.to) return;
    const bin = Math.min(Math.floor(((at - view.from) / (view.to - view.from)) * width), width - 1);
    bins.set(bin, (bins.get(bin) || 0) + lane.pods[index]);
    sum += lane.pods[index];
  });
  return { lane, bins, sum };
}

// Those that lose pods in the time shown, and how many more there are than `most`.
function workloadsIn(view, most) {
  const found = DATA.workloads.map((lane) => binned(lane, view)).filter((it) => it.sum);
  return { lanes: found.slice(0, most), more: Math.max(found.length - most, 0) };
}

function drawWorkloads(svg, view, { lanes }) {
  const height = Math.max(lanes.length, 1) * LANE;
  shades(svg, view, height);
  if (!lanes.length) add(svg, "text", { class: "label quiet", x: view.gutter + 6, y: 16 }, "no pod is evicted in the time shown");
  lanes.forEach(({ lane, bins, sum }, number) => {
    const bottom = (number + 1) * LANE, most = Math.max(...bins.values(), 1);
    label(svg, view, bottom - 7, lane.name.split("/").slice(-1)[0]);
    const told = [`${lane.name}: ${counted(sum, "pod")} evicted in the time shown`, lane.told];
    const group = add(svg, "g", { class: "evicted", tabindex: 0, role: "img", "aria-label": told.join(". ") });
    add(group, "rect", { class: "catch", x: view.gutter, y: bottom - LANE, width: plotWidth(view), height: LANE });
    for (const [bin, pods] of bins) {
      const height = 5 + (pods / most) * (LANE - 9);
      add(group, "rect", { x: round(view.gutter + bin * 3), y: round(bottom - height), width: 3, height: round(height) });
    }
    add(svg, "text", { class: "label inner end", x: view.width - 10, y: bottom - 8 }, String(sum));
    group.told = told;
    add(svg, "line", { class: "rule", x1: view.gutter, x2: view.width - 8, y1: bottom, y2: bottom });
  });
  axis(svg, view, height);
  return height + AXIS;
}

function drawOverview(svg, whole, view) {
  const height = 34, width = Math.floor(plotWidth(whole)), sums = [];
  POOLS.forEach((pool) => {
    for (const part of columns(pool, whole.from, whole.to, width)) {
      if (part.used) sums.push({ from: part.from, to: part.to, share: part.used / pool.top });
    }
  });
  shades(svg, whole, height);
  for (const part of sums) {
    const x = xOf(whole, part.from), tall = 6 + part.share * (height - 8);
    add(svg, "rect", { class: "busy", x, y: round(height - tall), width: round(Math.max(xOf(whole, part.to) - x, 1.5)), height: round(tall) });
  }
  const x = xOf(whole, view.from);
  add(svg, "rect", { class: "frame", x, y: 1, width: round(Math.max(xOf(whole, view.to) - x, 3)), height: height - 2 });
  label(svg, whole, 21, "whole time", "quiet");
  axis(svg, whole, height);
  return height + AXIS;
}
