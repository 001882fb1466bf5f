// Small line charts: the hypervolume over trials, the learning curve of a candidate.

/** Draws `values` over `xs` into a box that keeps its width; `step` draws stairs. Hovering reads the values off. */
function lineChart({ xs, values, title, across, height = 150, step = false }) {
  const box = el("div", { class: "chart", role: "img", "aria-label": `${title}: from ${full(values[0])} to ${full(values.at(-1))}` });
  const points = xs.map((x, i) => [x, values[i]]).filter(([, y]) => y !== null);
  const draw = () => {
    const width = box.clientWidth;
    if (!width || !points.length) return;
    const left = 44, right = 14, top = 24, bottom = 24;
    const x = scale(points.map((p) => p[0]), left, width - right, false, 0);
    const y = scale(points.map((p) => p[1]), height - bottom, top, false, 0.06);
    const picture = mark("svg", { width, height, "aria-hidden": "true" });
    picture.append(mark("text", { class: "name", x: 0, y: 12 }, title));
    for (const level of ticks(...y.domain, Math.max(2, height / 50), false))
      picture.append(
        mark("line", { class: "grid", x1: left, x2: width - right, y1: y(level), y2: y(level) }),
        mark("text", { x: left - 8, y: y(level) + 4, "text-anchor": "end" }, short(level)),
      );
    const marks = ticks(points[0][0], points.at(-1)[0], Math.max(2, width / 110), false);
    for (const at of marks) picture.append(mark("text", { x: x(at), y: height - 6, "text-anchor": "middle" }, short(at)));
    let path = "";
    points.forEach(([px, py], i) => {
      path += i === 0 ? `M${x(px)},${y(py)}` : step ? `H${x(px)}V${y(py)}` : `L${x(px)},${y(py)}`;
    });
    picture.append(mark("path", { class: "stair", d: path }));
    const dot = mark("circle", { r: 3, fill: "var(--ink)", cx: x(points.at(-1)[0]), cy: y(points.at(-1)[1]) });
    const reading = mark("text", { class: "name", x: width - right, y: 12, "text-anchor": "end" });
    const read = ([px, py], always) => {
      dot.setAttribute("cx", x(px));
      dot.setAttribute("cy", y(py));
      reading.textContent = always ? full(py) : `${full(py)} at ${across} ${full(px)}`;
    };
    read(points.at(-1), true);
    picture.append(dot, reading);
    picture.addEventListener("pointermove", (event) => {
      const at = event.clientX - picture.getBoundingClientRect().left;
      read(points.reduce((a, b) => (Math.abs(x(b[0]) - at) < Math.abs(x(a[0]) - at) ? b : a)), false);
    });
    picture.addEventListener("pointerleave", () => read(points.at(-1), true));
    box.replaceChildren(picture);
  };
  new ResizeObserver(draw).observe(box);
  box.style.height = `${height}px`;
  return box;
}
