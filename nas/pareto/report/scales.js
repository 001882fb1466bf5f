// Elements, scales and numbers: the small vocabulary that all the pictures share.

/** An HTML element; attributes whose value is null or false are left out, text children are never parsed. */
function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
function mark(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false || value === undefined) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const EMPTY = "–";

/** A number in few characters: 1.2k, 3.4M, 0.931. */
function short(value) {
  for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (Math.abs(value) >= size * 0.9995) return trim(value / size) + letter;
  return trim(value);
}

function trim(value) {
  return String(Number(value.toPrecision(3))).replace("-", "−");
}

/** A number in full: counts with thousands separated, others with four significant digits. */
function full(value) {
  if (value === null || value === undefined) return EMPTY;
  if (Number.isInteger(value)) return value.toLocaleString("en-US").replace("-", "−");
  if (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-4) return value.toExponential(3).replace("-", "−");
  const places = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(places, 8)).replace("-", "−");
}

/** A value of a genotype or a recipe, as its author would write it. */
function word(value) {
  return typeof value === "number" ? String(value) : typeof value === "string" ? value : JSON.stringify(value);
}

function seconds(value) {
  if (value === null) return EMPTY;
  if (value < 60) return `${Number(value.toPrecision(2))} s`;
  const minutes = Math.round(value / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Joules as `nas.pareto.numbers.energy` writes them, by what drew them. */
function energy(joules) {
  const shown = (value) => {
    const [size, unit] = [[1e9, "GJ"], [1e6, "MJ"], [1e3, "kJ"]].find(([from]) => value >= from * 0.9995) ?? [1, "J"];
    return `${Number((value / size).toPrecision(3))} ${unit}`;
  };
  return Object.entries(joules).map(([source, value]) => `${shown(value)} (${source.toUpperCase()})`).join(" + ");
}

/** Round values within [low, high], about n of them; mirrors `nas.pareto.plane.ticks`. */
function ticks(low, high, n, log) {
  if (!(high > low)) return [low];
  if (log) {
    const start = Math.floor(Math.log10(low)), end = Math.ceil(Math.log10(high));
    let found = [];
    for (const digits of [[1, 2, 5], [1, 3], [1]]) {
      found = [];
      for (let power = start; power <= end; power++) for (const digit of digits) found.push(Number(`${digit}e${power}`));
      found = found.filter((value) => value >= low && value <= high);
      if (found.length >= 2 && found.length <= Math.max(n, 2)) return found;
    }
    const stride = Math.ceil(found.length / Math.max(n, 2));
    if (found.length >= 2) return found.filter((_, i) => i % stride === 0);
  }
  const raw = (high - low) / Math.max(n, 1), power = 10 ** Math.floor(Math.log10(raw));
  const off = (size) => Math.abs(Math.log(size / raw));
  const step = [1, 2, 5, 10].map((digit) => digit * power).reduce((a, b) => (off(b) < off(a) ? b : a));
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i <= Math.floor(high / step + 1e-9); i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

/** Value → pixel, over a domain widened a little so that nothing sits on the edge. */
function scale(values, from, to, log, margin = 0.04) {
  const place = log ? Math.log10 : (value) => value;
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value === null || Number.isNaN(value) || (log && value <= 0)) continue;
    low = Math.min(low, place(value));
    high = Math.max(high, place(value));
  }
  if (low > high) [low, high] = [0, 1];
  const extra = (high - low) * margin || Math.abs(high) * 0.05 || 0.5;
  low -= extra;
  high += extra;
  const back = log ? (value) => 10 ** value : (value) => value;
  const map = (value) => (value === null || (log && value <= 0) ? NaN : from + ((place(value) - low) / (high - low)) * (to - from));
  map.domain = [back(low), back(high)];
  return map;
}

/** The study's trials as objects over the columns that were sent. */
function trialsOf(data) {
  const t = data.trials, members = new Set(data.members), candidates = new Set(data.candidates), knee = data.knee;
  return t.number.map((number, i) => ({
    i, number, family: t.family[i], state: t.states[t.state[i]], seconds: t.seconds[i], joules: t.joules[i], seed: t.seed[i],
    origin: t.origin[i], digest: t.digest[i], message: t.message[i], recipe: t.recipes[t.recipe[i]], curve: t.curve[i],
    isMember: members.has(number), isCandidate: candidates.has(number), isKnee: number === knee,
    genotype() {
      const flat = t.genotype[i], pairs = [];
      for (let k = 0; k < flat.length; k += 2) pairs.push([t.paths[flat[k]], flat[k + 1]]);
      return pairs;
    },
  }));
}
