// The panel of one candidate: its figures, learning curve, graph, code, decisions and where it came from.

/** Fills #panel. `open(number)` goes to another candidate, `close()` closes. */
function candidatePanel(data, trials, { open, close, neighbours }) {
  const panel = document.getElementById("panel");
  const byNumber = new Map(trials.map((t) => [t.number, t]));
  let styles = [];

  function show(number) {
    const t = byNumber.get(number), details = data.details?.[number];
    const parts = [top(t), figures(t)];
    if (t.message) parts.push(el("p", { class: "note fault" }, t.message));
    parts.push(curves(t));
    if (details) {
      if (details.svg) parts.push(...graph(details.svg));
      if (details.text) parts.push(el("h3", {}, "Outline"), el("pre", { class: "text", tabindex: 0 }, details.text));
      if (details.source) parts.push(...code(details.source, `${data.study}-${number}.py`.replace(/[^\w.-]+/g, "-")));
    } else {
      parts.push(el("p", { class: "note" }, "This file carries graphs and code only of the frontier and what is near it. For this candidate’s: ",
        el("code", {}, `nas export DIR --trial ${number} -o model.py`)));
    }
    parts.push(el("h3", {}, "Decisions"), pairs(t.genotype()));
    if (Object.keys(t.recipe).length) parts.push(el("h3", {}, "Recipe"), pairs(Object.entries(t.recipe)));
    parts.push(el("h3", {}, "Origin"), pairs([["from", origin(t)], ["trained for", seconds(t.seconds)], ...(Object.keys(t.joules).length ? [["energy", energy(t.joules)]] : []), ["seed", t.seed], ["digest", t.digest.slice(0, 16)]]));
    panel.replaceChildren(...parts.filter(Boolean));
    panel.hidden = false;
    panel.scrollTop = 0;
  }

  function top(t) {
    const [before, after] = neighbours(t.number);
    const step = (number, sign, label) => el("button", { type: "button", "aria-label": label, title: label, disabled: number === null, on: { click: () => open(number) } }, sign);
    const family = data.families.length > 1 ? [el("i", { class: "dot", style: `--c:var(--f${t.family})` }), data.families[t.family]] : [];
    const tags = [t.isKnee ? "knee" : t.isMember ? "on the frontier" : null, t.state !== "complete" ? t.state.replaceAll("_", " ") : null];
    return el("div", { class: "top" },
      el("h2", { id: "panel-title" }, `Candidate ${t.number}`, el("small", {}, ...family, tags.filter(Boolean).map((tag) => ` · ${tag}`).join(""))),
      step(before, "‹", "Previous on the frontier"), step(after, "›", "Next on the frontier"),
      el("button", { type: "button", "aria-label": "Close", title: "Close", on: { click: close } }, "×"));
  }

  function figures(t) {
    const known = (data.quantities ?? []).filter((q) => q.values[t.i] !== null);
    // What equals another count tells nothing new.
    const telling = known.filter((q, k) => q.objective || !q.count || !known.some((p, j) => j < k && p.count && p.values[t.i] === q.values[t.i]));
    const shown = telling.filter((q) => q.objective || !q.count || q.values[t.i] !== 0);
    return el("dl", { class: "figures" }, ...shown.map((q) => el("div", {}, el("dt", {}, q.words), el("dd", {}, full(q.values[t.i])))));
  }

  function curves(t) {
    const names = Object.keys(t.curve.metrics);
    if (t.curve.rung.length < 2) return null;
    const goals = new Set(data.objectives);
    const chosen = [...names.filter((name) => goals.has(name)), ...names.filter((name) => !goals.has(name))].slice(0, 4);
    return el("div", {}, el("h3", {}, "Learning curve"),
      el("div", { class: "curves" }, ...chosen.map((name) => lineChart({ xs: t.curve.rung, values: t.curve.metrics[name], title: name.replaceAll("_", " "), across: "rung", height: 140 }))));
  }

  function graph(text) {
    const drawing = safe(text);
    if (!drawing) return [];
    const box = el("div", { class: "graph", tabindex: 0, role: "img", "aria-label": "Graph of the architecture" });
    // In a shadow tree, so that the drawing's own style and ids stay its own.
    box.attachShadow({ mode: "open" }).append(el("style", {}, "svg{display:block;margin:auto;max-width:var(--fit,100%);height:auto}"), drawing);
    styles = [...drawing.querySelectorAll("style")].map((style) => [style, style.textContent]);
    themed();
    const size = el("button", { type: "button", class: "link", "aria-pressed": "false", on: { click: () => {
      const is = size.getAttribute("aria-pressed") === "false";
      size.setAttribute("aria-pressed", is);
      size.textContent = is ? "Fit to width" : "Actual size";
      box.style.setProperty("--fit", is ? "none" : "100%");
    } } }, "Actual size");
    return [el("div", { class: "head" }, el("h3", {}, "Graph"), size), box];
  }

  /** The drawing without anything that could run or load. */
  function safe(text) {
    const root = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    if (root.localName !== "svg" || root.querySelector("parsererror")) return null;
    for (const node of [root, ...root.querySelectorAll("*")]) {
      if (["script", "foreignObject", "iframe", "animate", "set"].includes(node.localName)) { node.remove(); continue; }
      for (const { name, value } of [...node.attributes])
        if (/^on/i.test(name) || (/href$/i.test(name) && !value.startsWith("#"))) node.removeAttribute(name);
    }
    return document.importNode(root, true);
  }

  /** A drawing follows the system's theme; here it follows the page's, which the reader may have switched. */
  function themed() {
    const chosen = document.documentElement.dataset.theme;
    const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    for (const [style, text] of styles) style.textContent = text.replace(/\(prefers-color-scheme:\s*dark\)/g, dark ? "all" : "not all");
  }

  function code(source, file) {
    const copy = el("button", { type: "button", class: "link", on: { click: async () => {
      copy.textContent = (await copied(source)) ? "Copied" : "Select the text to copy it";
      setTimeout(() => { copy.textContent = "Copy"; }, 1600);
    } } }, "Copy");
    const download = el("button", { type: "button", class: "link", on: { click: () => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/x-python" }));
      el("a", { href: url, download: file }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    } } }, "Download");
    return [el("div", { class: "head" }, el("h3", {}, "PyTorch"), copy, download),
      el("pre", { class: "code", tabindex: 0, "aria-label": "PyTorch source" }, el("code", {}, ...highlighted(source)))];
  }

  function pairs(entries) {
    return el("dl", { class: "pairs" }, ...entries.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value instanceof Node ? value : word(value)))));
  }

  function origin(t) {
    const parent = /^(.*\bof )(\d+)$/.exec(t.origin);
    if (!parent || !byNumber.has(Number(parent[2]))) return el("span", {}, t.origin);
    return el("span", {}, parent[1], el("button", { type: "button", class: "link", on: { click: () => open(Number(parent[2])) } }, parent[2]));
  }

  return { show, themed, has: (number) => byNumber.has(number) };
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

const PYTHON = /(?<c>#[^\n]*)|(?<s>[rbf]?(?:"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))|(?<=\b(?:def|class) )(?<d>\w+)|\b(?<k>False|None|True|and|as|assert|break|class|continue|def|del|elif|else|except|for|from|if|import|in|is|lambda|not|or|pass|raise|return|super|try|while|with|yield)\b|\b(?<m>\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)\b/g;

/** Python as spans whose classes are c(omment), s(tring), d(efined name), k(eyword), m(agnitude). */
function highlighted(source) {
  const parts = [];
  let last = 0;
  for (const found of source.matchAll(PYTHON)) {
    const kind = Object.keys(found.groups).find((name) => found.groups[name] !== undefined);
    parts.push(source.slice(last, found.index), el("span", { class: kind }, found[0]));
    last = found.index + found[0].length;
  }
  return [...parts, source.slice(last)];
}
