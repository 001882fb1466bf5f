// The frontier's picture: thousands of candidates on a canvas, everything that has meaning as SVG above it.

const MARGIN = { left: 52, right: 18, top: 30, bottom: 46 };

/** Fills #scatter and wires its controls. `open(number)` is called when a candidate is chosen. */
function scatter(data, trials, open) {
  const box = document.getElementById("scatter");
  const below = mark("svg", { "aria-hidden": "true" }), canvas = el("canvas", { "aria-hidden": "true" });
  const above = mark("svg", { "aria-hidden": "true" }), tip = el("div", { class: "tip", hidden: true });
  box.append(below, canvas, above, tip);
  const byName = new Map(data.quantities.map((q) => [q.name, q]));
  const byNumber = new Map(trials.map((t) => [t.number, t]));
  const view = { x: byName.get(data.x), y: byName.get(data.y), hidden: new Set(), stopped: false, hover: null, current: null };
  view.logx = view.x.log;
  view.logy = view.y.log;
  let px = new Float32Array(trials.length), py = new Float32Array(trials.length);
  let sx, sy, walk = [], colours = [];

  const visible = (t) => (t.isCandidate || (view.stopped && t.state === "stopped")) && !view.hidden.has(t.family);
  const places = (t) => !Number.isNaN(px[t.i]) && !Number.isNaN(py[t.i]);
  const colour = (family) => `var(--f${family})`;

  /** The nondominated ones among the visible candidates in these two quantities, from best to worst x. */
  function frontier() {
    const { x, y } = view;
    if (!x.direction || !y.direction || x === y) return [];
    const sign = (q) => (q.direction === "maximize" ? -1 : 1);
    const ordered = trials
      .filter((t) => t.isCandidate && visible(t) && places(t))
      .sort((a, b) => sign(x) * (x.values[a.i] - x.values[b.i]) || sign(y) * (y.values[a.i] - y.values[b.i]) || a.number - b.number);
    let best = Infinity;
    return ordered.filter((t) => {
      const loss = sign(y) * y.values[t.i];
      if (loss >= best) return false;
      best = loss;
      return true;
    });
  }

  function layout() {
    const width = box.clientWidth, height = box.clientHeight;
    if (!width) return;
    const shown = trials.filter(visible);
    const beside = [
      ...data.published.map((p) => [p.values[view.x.name] ?? null, p.values[view.y.name] ?? null]).filter((p) => p[0] !== null && p[1] !== null),
    ];
    const again = retrained(), reach = ([mean, deviation]) => [mean - (deviation ?? 0), mean, mean + (deviation ?? 0)];
    const xs = shown.map((t) => view.x.values[t.i]).concat(beside.map((p) => p[0]), again.flatMap((one) => reach(one.across)));
    const ys = shown.map((t) => view.y.values[t.i]).concat(beside.map((p) => p[1]), again.flatMap((one) => reach(one.up)));
    sx = scale(xs, MARGIN.left, width - MARGIN.right, view.logx);
    sy = scale(ys, height - MARGIN.bottom, MARGIN.top, view.logy);
    for (const t of trials) {
      px[t.i] = sx(view.x.values[t.i]);
      py[t.i] = sy(view.y.values[t.i]);
    }
    drawAxes(width, height);
    drawDots(width, height, shown);
    drawMarks(width, height);
  }

  function drawAxes(width, height) {
    const parts = [], right = width - MARGIN.right, floor = height - MARGIN.bottom;
    for (const level of ticks(...sy.domain, Math.max(3, height / 75), view.logy))
      parts.push(
        mark("line", { class: "grid", x1: MARGIN.left, x2: right, y1: sy(level), y2: sy(level) }),
        mark("text", { x: MARGIN.left - 10, y: sy(level) + 4, "text-anchor": "end" }, short(level)),
      );
    parts.push(mark("line", { class: "base", x1: MARGIN.left, x2: right, y1: floor, y2: floor }));
    for (const level of ticks(...sx.domain, Math.max(3, width / 105), view.logx))
      parts.push(
        mark("line", { class: "base", x1: sx(level), x2: sx(level), y1: floor, y2: floor + 4 }),
        mark("text", { x: sx(level), y: floor + 18, "text-anchor": "middle" }, short(level)),
      );
    parts.push(
      mark("text", { class: "name", x: 0, y: 14 }, title(view.y, "↑", "↓")),
      mark("text", { class: "name", x: right, y: height - 6, "text-anchor": "end" }, title(view.x, "→", "←")),
    );
    below.replaceChildren(...parts);
  }

  function title(q, up, down) {
    const words = q.of_data ? `${q.words}, validation` : q.words;
    if (!q.direction) return words;
    if (q.direction === "minimize") return `${down} ${q.count ? "fewer" : "lower"} ${words}`;
    return up === "↑" ? `↑ ${words}` : `${words} →`;
  }

  function drawDots(width, height, shown) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const many = shown.length > 1500, radius = many ? 2.2 : 3;
    for (const t of shown) {
      if (t.isMember || !places(t)) continue;
      pen.beginPath();
      pen.arc(px[t.i], py[t.i], radius, 0, 2 * Math.PI);
      pen.globalAlpha = many ? 0.3 : 0.45;
      if (t.state === "stopped") {
        pen.strokeStyle = colours[t.family];
        pen.stroke();
      } else {
        pen.fillStyle = colours[t.family];
        pen.fill();
      }
    }
  }

  function drawMarks(width, height) {
    const parts = [], line = frontier();
    if (line.length) {
      const floor = view.y.direction === "maximize" ? height - MARGIN.bottom : MARGIN.top;
      const wall = view.x.direction === "minimize" ? width - MARGIN.right : MARGIN.left;
      let path = `M${px[line[0].i]},${floor}`;
      for (const t of line) path += `H${px[t.i]}V${py[t.i]}`;
      parts.push(mark("path", { class: "stair", d: `${path}H${wall}` }));
    }
    const big = [...new Set([...line, ...trials.filter((t) => t.isMember && visible(t) && places(t))])];
    walk = big.sort((a, b) => px[a.i] - px[b.i] || a.number - b.number);
    for (const t of walk) parts.push(mark("circle", { class: "member", cx: px[t.i], cy: py[t.i], r: 5, fill: colour(t.family) }));
    const taken = walk.map((t) => [px[t.i] - 6, py[t.i] - 6, px[t.i] + 6, py[t.i] + 6]);
    parts.push(...whiskers(width, height));
    const hollow = data.published.map((p) => [p.label, sx(p.values[view.x.name] ?? null), sy(p.values[view.y.name] ?? null)]);
    const published = hollow.filter(([, x, y]) => !Number.isNaN(x) && !Number.isNaN(y));
    for (const [, x, y] of published) {
      parts.push(mark("path", { class: "paper", d: `M${x - 5.5},${y}L${x},${y - 5.5}L${x + 5.5},${y}L${x},${y + 5.5}Z` }));
      taken.push([x - 7, y - 7, x + 7, y + 7]);
    }
    for (const [label, x, y] of published) parts.push(labelled(label, x, y, taken, width));
    const knee = trials.find((t) => t.isKnee);
    if (knee && visible(knee) && places(knee)) {
      parts.push(mark("circle", { class: "ring knee", cx: px[knee.i], cy: py[knee.i], r: 8.5 }));
      parts.push(labelled("knee", px[knee.i], py[knee.i], taken, width, true));
    }
    for (const [t, r] of [[byNumber.get(view.current), 9.5], [view.hover, 8]])
      if (t && places(t)) parts.push(mark("circle", { class: "member", cx: px[t.i], cy: py[t.i], r: 5, fill: colour(t.family) }), mark("circle", { class: "ring", cx: px[t.i], cy: py[t.i], r }));
    above.replaceChildren(...parts);
  }

  /** The retrained candidates of the families shown that have a value on both axes: `[mean, standard deviation]` on test. */
  function retrained() {
    return data.confirmed
      .map((one) => ({ t: byNumber.get(one.number), across: one.test[view.x.name], up: one.test[view.y.name] }))
      .filter(({ t, across, up }) => t && across && up && !view.hidden.has(t.family));
  }

  /** Means on test ± one standard deviation, as hollow squares with bars, beside what the search measured. */
  function whiskers(width, height) {
    const left = MARGIN.left, right = width - MARGIN.right, top = MARGIN.top, floor = height - MARGIN.bottom, parts = [];
    // On a logarithmic axis a bar that reaches 0 has no end: it runs to the edge.
    const end = (axis, value, edge) => (Number.isNaN(axis(value)) ? edge : axis(value));
    let cut = 0, drawn = 0;
    for (const { t, across, up } of retrained()) {
      const x = sx(across[0]), y = sy(up[0]), stroke = colour(t.family);
      if (Number.isNaN(x) || Number.isNaN(y)) continue;
      drawn += 1;
      const low = up[1] && end(sy, up[0] - up[1], height), from = across[1] && end(sx, across[0] - across[1], 0);
      if (low > floor || (across[1] && from < left)) cut += 1;
      if (up[1]) {
        const high = sy(up[0] + up[1]);
        parts.push(mark("path", { class: "whisker", stroke, d: `M${x},${low}V${high}M${x - 3},${low}h6M${x - 3},${high}h6` }));
      }
      if (across[1]) {
        const to = sx(across[0] + across[1]);
        parts.push(mark("path", { class: "whisker", stroke, d: `M${from},${y}H${to}M${from},${y - 3}v6M${to},${y - 3}v6` }));
      }
      parts.push(mark("rect", { class: "box", stroke, x: x - 3.5, y: y - 3.5, width: 7, height: 7 }));
    }
    const known = data.confirmed.filter((one) => byNumber.has(one.number) && !view.hidden.has(byNumber.get(one.number).family));
    const notes = [];
    if (drawn < known.length) notes.push(`${known.length - drawn} of the ${known.length} retrained have no place on these axes.`);
    if (cut) notes.push(`${cut} of the bars reach 0 and end at the edge of the logarithmic axis.`);
    document.getElementById("beyond").textContent = notes.join(" ");
    // A picture of its own cuts what leaves it, where a clip path would need an address.
    const area = { x: left, y: top, width: right - left, height: floor - top };
    const within = { ...area, viewBox: Object.values(area).join(" "), overflow: "hidden" };
    return parts.length ? [mark("svg", { class: "retrained", ...within }, ...parts)] : [];
  }

  /** A label on the first side of its mark where it covers nothing, with a halo that keeps it readable anywhere. */
  function labelled(text, x, y, taken, width, above = false) {
    const wide = text.length * 6.6, sides = {
      right: [x + 10, y + 4, "start"], left: [x - 10, y + 4, "end"], top: [x - 4, y - 12, "end"], bottom: [x + 4, y + 20, "start"],
    };
    const order = above ? ["top", "left", "bottom", "right"] : ["right", "left", "bottom", "top"];
    const area = ([lx, ly, anchor]) => (anchor === "start" ? [lx, ly - 11, lx + wide, ly + 2] : [lx - wide, ly - 11, lx, ly + 2]);
    const clear = (a) => a[0] > MARGIN.left && a[2] < width && !taken.some((b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1]);
    const side = order.find((name) => clear(area(sides[name]))) ?? order[0];
    taken.push(area(sides[side]));
    const [lx, ly, anchor] = sides[side];
    return mark("text", { class: "label", x: lx, y: ly, "text-anchor": anchor, "font-style": above ? "italic" : null }, text);
  }

  function nearest(event, reach) {
    const frame = box.getBoundingClientRect(), x = event.clientX - frame.left, y = event.clientY - frame.top;
    let found = null, least = reach * reach;
    for (const t of trials) {
      if (!visible(t) || !places(t)) continue;
      // Members win over what lies around them.
      const far = ((px[t.i] - x) ** 2 + (py[t.i] - y) ** 2) * (t.isMember ? 0.5 : 1);
      if (far < least) [found, least] = [t, far];
    }
    return found;
  }

  function point(t) {
    if (t === view.hover) return;
    view.hover = t;
    tip.hidden = !t;
    if (t) {
      const rows = [view.x, view.y, ...data.quantities.filter((q) => q.objective && q !== view.x && q !== view.y)];
      const family = data.families.length > 1 ? data.families[t.family] : "";
      tip.replaceChildren(
        el("b", {}, `Candidate ${t.number}`), ` ${family}${t.isKnee ? " · knee" : ""}${t.state === "stopped" ? " · stopped early" : ""}`,
        el("dl", {}, ...rows.flatMap((q) => [el("dt", {}, q.words), el("dd", {}, full(q.values[t.i]))])),
      );
      const right = px[t.i] + 14 + tip.offsetWidth < box.clientWidth;
      tip.style.left = `${Math.max(0, right ? px[t.i] + 14 : px[t.i] - 14 - tip.offsetWidth)}px`;
      tip.style.top = `${Math.min(Math.max(0, py[t.i] - tip.offsetHeight / 2), box.clientHeight - tip.offsetHeight)}px`;
    }
    drawMarks(box.clientWidth, box.clientHeight);
  }

  let pending = null;
  box.addEventListener("pointermove", (event) => {
    if (!pending) requestAnimationFrame(() => { point(nearest(pending, 24)); pending = null; });
    pending = event;
  });
  box.addEventListener("pointerleave", () => requestAnimationFrame(() => point(null)));
  box.addEventListener("click", (event) => {
    const t = nearest(event, 24);
    if (t) open(t.number);
  });
  box.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const at = walk.indexOf(view.hover ?? byNumber.get(view.current));
    let next = null;
    if (by && walk.length) next = walk[at < 0 ? (by > 0 ? 0 : walk.length - 1) : Math.min(Math.max(at + by, 0), walk.length - 1)];
    else if (event.key === "Home") next = walk[0];
    else if (event.key === "End") next = walk.at(-1);
    else if ((event.key === "Enter" || event.key === " ") && view.hover) open(view.hover.number);
    else return;
    event.preventDefault();
    if (!next) return;
    point(next);
    const said = [view.x, view.y].map((q) => `${q.words} ${full(q.values[next.i])}`).join(", ");
    document.getElementById("spoken").textContent = `Candidate ${next.number}, ${data.families[next.family]}: ${said}`;
  });

  const redraw = () => {
    const probe = el("span");
    box.append(probe);
    colours = data.families.map((_, i) => {
      probe.style.color = colour(i);
      return getComputedStyle(probe).color;
    });
    probe.remove();
    layout();
  };
  controls(data, view, () => { point(null); layout(); }, trials.filter((t) => t.state === "stopped").length);
  new ResizeObserver(layout).observe(box);
  redraw();
  return {
    redraw,
    walk: () => walk.map((t) => t.number),
    show(number) { view.current = number; drawMarks(box.clientWidth, box.clientHeight); },
  };
}

/** The selects, toggles and the legend around the picture. */
function controls(data, view, update, stopped) {
  for (const side of ["x", "y"]) {
    const select = document.getElementById(side), log = document.getElementById(`log${side}`);
    select.append(...data.quantities.map((q) => el("option", { value: q.name, selected: q === view[side] }, q.words)));
    const allowed = () => view[side].values.every((value) => value === null || value > 0);
    const press = () => {
      log.setAttribute("aria-pressed", view[`log${side}`]);
      log.setAttribute("aria-label", `Logarithmic scale for ${view[side].words}`);
      log.disabled = !allowed();
    };
    select.addEventListener("change", () => {
      view[side] = data.quantities.find((q) => q.name === select.value);
      view[`log${side}`] = view[side].log;
      press();
      update();
    });
    log.addEventListener("click", () => {
      view[`log${side}`] = !view[`log${side}`];
      press();
      update();
    });
    press();
  }
  const early = document.getElementById("stopped");
  early.hidden = !stopped;
  early.textContent = `${stopped.toLocaleString("en-US")} stopped early`;
  early.addEventListener("click", () => {
    view.stopped = !view.stopped;
    early.setAttribute("aria-pressed", view.stopped);
    update();
  });
  for (const button of document.querySelectorAll("[data-family]"))
    button.addEventListener("click", () => {
      const family = Number(button.dataset.family);
      if (!view.hidden.delete(family)) view.hidden.add(family);
      button.setAttribute("aria-pressed", !view.hidden.has(family));
      update();
    });
}
