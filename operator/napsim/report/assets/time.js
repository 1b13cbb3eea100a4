// Instants are seconds from the start of the forecast. Local times come from the offsets that the page carries, so that
// they are those of the forecast's zone on every machine.
const DAY_NAMES = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const HOUR = 3600, DAY = 86400;
const TICKS = [1, 5, 15, 60, 300, 900, 1800, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
  14 * DAY, 28 * DAY, 56 * DAY, 91 * DAY, 182 * DAY, 364 * DAY];
const zone = { utc: false };

function offsetAt(at) {
  if (zone.utc) return [0, 0, "UTC"];
  let found = DATA.offsets[0];
  for (const offset of DATA.offsets) if (offset[0] <= at) found = offset;
  return found;
}

// A Date whose UTC fields are the local clock's.
function local(at) {
  return new Date((DATA.start + at + offsetAt(at)[1]) * 1000);
}

const two = (number) => String(number).padStart(2, "0");

function day(at) {
  const date = local(at);
  return `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
}

function clock(at, seconds = false) {
  const date = local(at);
  const text = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  return seconds ? `${text}:${two(date.getUTCSeconds())}` : text;
}

// "Sun 2026-03-08 02:41:07 CET"
function full(at, seconds = true) {
  return `${DAY_NAMES[local(at).getUTCDay()]} ${day(at)} ${clock(at, seconds)} ${offsetAt(at)[2]}`;
}

// The two largest units, as the report has them.
function lasting(seconds) {
  const units = [["d", DAY], ["h", HOUR], ["m", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0s";
  const [name, size] = units[first], [smaller, small] = units[first + 1] || ["", 0];
  const rest = small ? Math.floor((seconds % size) / small) : 0;
  return `${Math.floor(seconds / size)}${name}${rest ? rest + smaller : ""}`;
}

// Instants for a scale from `from` to `to`, at most `most` of them, on whole hours and days of the local clock.
function ticks(from, to, most) {
  const step = TICKS.find((it) => (to - from) / it <= most) || TICKS[TICKS.length - 1];
  const found = [];
  const toLocal = (at) => DATA.start + at + offsetAt(at)[1];
  for (let wall = Math.ceil(toLocal(from) / step) * step; ; wall += step) {
    let at = wall - DATA.start - offsetAt(wall - DATA.start)[1];
    at = wall - DATA.start - offsetAt(at)[1];
    if (at > to) return { step, found };
    if (at >= from) found.push(at);
  }
}

function tickText(at, step) {
  const date = local(at);
  if (step >= DAY) return `${DAY_NAMES[date.getUTCDay()]} ${day(at).slice(2)}`;
  if (!date.getUTCHours() && !date.getUTCMinutes() && !date.getUTCSeconds()) {
    return `${DAY_NAMES[date.getUTCDay()]} ${day(at).slice(5)}`;
  }
  return clock(at, step < 60);
}
