// Brings the page to life: the theme, the pictures, and what opens a candidate.

(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement, panel = document.getElementById("panel");
  const trials = trialsOf({ members: [], candidates: [], knee: null, ...data });
  const picture = data.quantities ? scatter(data, trials, open) : null;
  let cause = null;

  const shown = candidatePanel(data, trials, {
    open,
    close,
    neighbours(number) {
      const walk = picture ? picture.walk() : [], at = walk.indexOf(number);
      return at < 0 ? [null, null] : [walk[at - 1] ?? null, walk[at + 1] ?? null];
    },
  });

  /** The hypervolume over candidates or, at the press of a button, over the compute that they took. */
  function progress() {
    const place = document.getElementById("history"), button = document.getElementById("compute");
    const draw = () => {
      const byCompute = button.getAttribute("aria-pressed") === "true", column = byCompute ? 2 : 0;
      place.replaceChildren(
        lineChart({ xs: data.history.map((h) => h[column]), values: data.history.map((h) => h[1]), title: "hypervolume", across: byCompute ? "hour" : "candidate", height: 190, step: true }));
    };
    button.hidden = data.history.at(-1)[2] <= 0;
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
      draw();
    });
    draw();
  }

  function open(number) {
    if (!shown.has(number)) return;
    if (panel.hidden) cause = document.activeElement;
    shown.show(number);
    document.body.classList.add("open");
    for (const row of document.querySelectorAll("[data-row]")) row.classList.toggle("current", Number(row.dataset.row) === number);
    picture?.show(number);
    panel.focus({ preventScroll: true });
    place(`#candidate-${number}`);
  }

  function close() {
    panel.hidden = true;
    document.body.classList.remove("open");
    for (const row of document.querySelectorAll(".current")) row.classList.remove("current");
    picture?.show(null);
    cause?.focus({ preventScroll: true });
    place("#");
  }

  /** The address names the open candidate, so that a link to the file can point to it. */
  function place(hash) {
    try {
      history.replaceState(null, "", hash === "#" ? location.pathname : hash);
    } catch {
      // Some browsers refuse this for files; then the address stays as it is.
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-open]"), row = event.target.closest("[data-row]");
    if (button) open(Number(button.dataset.open));
    else if (row && !String(getSelection())) open(Number(row.dataset.row));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) close();
    const row = event.target.closest?.("tr[data-row]");
    if (row && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const next = event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling;
      next?.querySelector("[data-open]")?.focus();
      event.preventDefault();
    }
  });
  document.getElementById("go").addEventListener("submit", (event) => {
    event.preventDefault();
    const input = document.getElementById("number"), number = Number.parseInt(input.value, 10);
    input.setCustomValidity(shown.has(number) ? "" : "There is no candidate of this number");
    if (input.reportValidity()) open(number);
  });
  document.getElementById("number").addEventListener("input", (event) => event.target.setCustomValidity(""));

  if (picture) {
    const text = ["Small dots are candidates; large ones on the line are the frontier."];
    if (data.confirmed.length) text.push("Hollow squares: retrained, mean ± standard deviation on the test split.");
    if (data.published.length) text.push("Diamonds: paper-reported.");
    document.getElementById("marks").textContent = text.join(" ");
    if (data.history.length > 1) progress();
  }

  const dark = matchMedia("(prefers-color-scheme: dark)");
  function theme(name) {
    if (name) root.dataset.theme = name;
    else delete root.dataset.theme;
    picture?.redraw();
    shown.themed();
  }
  try {
    theme(localStorage.getItem("nas-theme"));
  } catch {
    // Storage may be closed to files; the choice then lasts as long as the page.
  }
  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme ?? (dark.matches ? "dark" : "light"), next = now === "dark" ? "light" : "dark";
    theme(next);
    try {
      localStorage.setItem("nas-theme", next);
    } catch {
      // As above.
    }
  });
  dark.addEventListener("change", () => theme(root.dataset.theme));
  // Paper is white, whatever the screen was.
  let screen;
  addEventListener("beforeprint", () => { screen = root.dataset.theme; theme("light"); });
  addEventListener("afterprint", () => theme(screen));

  const asked = /^#candidate-(\d+)$/.exec(location.hash);
  if (asked) open(Number(asked[1]));
})();
