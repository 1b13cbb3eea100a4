// The series as typed arrays: for each step when it begins, what is used and allowed, and the nodes of each version.
const UNLIMITED = -1;
const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#F0E442"];
const TEXTURES = 4;

const DATA = JSON.parse(document.getElementById("data").textContent);
const END = Math.max(DATA.seconds, 1);

// Names of versions without what all of them have in common.
const SHORT = (() => {
  const cut = DATA.versions.map((version) => version.lastIndexOf("-"));
  const heads = new Set(DATA.versions.map((version, number) => version.slice(0, cut[number])));
  return DATA.versions.map((version, number) => (heads.size > 1 ? version : version.slice(cut[number] + 1)) || "unknown");
})();

const fillOf = (version) => `url(#version${version % (COLOURS.length * TEXTURES)})`;

function decoded(series) {
  const length = series.at.length, own = [];
  for (const change of series.changes) {
    for (let index = 2; index < change.length; index += 2) if (!own.includes(change[index])) own.push(change[index]);
  }
  own.sort((one, other) => one - other);
  const place = new Map(own.map((version, index) => [version, index]));
  const counts = own.map(() => new Int32Array(length));
  const used = new Int32Array(length), allowed = new Int32Array(length), now = new Int32Array(own.length);
  series.changes.forEach((change, step) => {
    [used[step], allowed[step]] = change;
    for (let index = 2; index < change.length; index += 2) now[place.get(change[index])] = change[index + 1];
    now.forEach((count, index) => { counts[index][step] = count; });
  });
  let most = 1, top = 1, unlimited = false;
  for (let step = 0; step < length; step++) {
    most = Math.max(most, counts.reduce((sum, row) => sum + row[step], 0));
    top = Math.max(top, used[step], allowed[step]);
    unlimited = unlimited || allowed[step] === UNLIMITED;
  }
  return { name: series.name, at: series.at, merged: series.merged || 1, versions: own, counts, used, allowed, most, top,
    unlimited };
}

const POOLS = DATA.pools.map(decoded);
const held = ([pool, node, reason, told, since, until]) => ({
  pool, node: DATA.names[node], reason: DATA.names[reason], told: DATA.names[told], since, until,
});
const BLOCKED = DATA.blocked.map(held);
const BUDGET_WAITS = DATA.budgets.map(held); // `node` says how many of the pool
const WINDOWS = DATA.windows.map(([, name, , , since, until]) => ({ name: DATA.names[name], since, until }));

// The last index whose instant is not after `at`; -1 where all are.
function stepAt(instants, at) {
  let low = 0, high = instants.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (instants[middle] <= at) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// What to draw between two instants: {from, to, step, used, allowed}, the steps themselves or, where they are more than
// `width`, one for each column. A column has the most that is used in it, with what is allowed then; `step` is its end.
function columns(pool, from, to, width) {
  const first = Math.max(stepAt(pool.at, from), 0), last = stepAt(pool.at, to), found = [];
  if (last < 0) return found;
  const take = (since, until, step, most) => {
    const before = found[found.length - 1];
    const same = before && before.step === step && before.used === pool.used[most] && before.allowed === pool.allowed[most];
    if (same) before.to = until;
    else found.push({ from: since, to: until, step, used: pool.used[most], allowed: pool.allowed[most] });
  };
  if (last - first < width) {
    for (let step = first; step <= last; step++) {
      take(Math.max(pool.at[step], from), step < last ? pool.at[step + 1] : to, step, step);
    }
    return found;
  }
  for (let column = 0, step = first; column < width; column++) {
    const since = from + ((to - from) * column) / width, until = from + ((to - from) * (column + 1)) / width;
    if (pool.at[first] >= until) continue;
    let most = step;
    while (step < last && pool.at[step + 1] < until) {
      step++;
      if (pool.used[step] > pool.used[most]) most = step;
    }
    take(since, until, step, most);
  }
  return found;
}

const nodesAt = (pool, step) => pool.counts.reduce((sum, row) => sum + row[step], 0);
const allowedText = (allowed) => (allowed === UNLIMITED ? "unlimited" : String(allowed));
const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const overlaps = (item, from, to) => item.since < to && (item.until === null ? END : item.until) > from;
