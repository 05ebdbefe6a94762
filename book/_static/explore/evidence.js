/* The records that come with the library: a dot for each seed, the mean and its interval for each recipe and way of
   testing. A point is one test of one run; a row is what the points of different seeds share. */
"use strict";

explore.kinds.evidence = (figure, chosen) => {
  const { el, data } = explore;
  const { evidence } = data;
  const OWN = "own", ALL = "all";
  const named = (columns, row) => Object.fromEntries(columns.map((column, i) => [column, row[i]]));
  const unique = (values) => [...new Set(values)];
  const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

  const runs = evidence.runs.map((row) => named(evidence.run, row))
    .map((run) => ({ ...run, ...evidence.recipes[run.recipe] }));
  const points = runs.flatMap((run) => run.tests.map((test) => ({ ...run, ...named(evidence.test, test) })));
  const networks = Object.keys(data.networks).filter((name) => points.some((point) => point.network === name));

  const study = explore.select("Study", "study", [[ALL, "all"], ...Object.keys(evidence.studies)], chosen.study || ALL);
  const preset = explore.select("Preset", "preset", []);
  const protocol = explore.select("Tested", "protocol", []);
  const diverged = explore.choices("checkbox", "Diverged runs", "diverged",
    [["on", "show, at 90\u00a0% (guessing)", true]]);
  const says = el("output", {});
  const chart = el("div", { class: "chart", role: "group", "aria-label": "A row for each recipe and way of testing" });
  const tip = el("div", { class: "tip", "aria-hidden": "true" }); // each dot's own label says the same

  /** Fills a select with what there is, keeping the choice where it can be kept; gives the choice. */
  const refill = (label, choices, wish) => {
    const select = label.lastChild;
    const values = choices.map((choice) => String([choice].flat()[0]));
    select.replaceChildren(...explore.options(choices, [select.value, wish, values[0]].find((v) => values.includes(v))));
    return select.value;
  };

  const inStudy = (thing) => [ALL, thing.study].includes(study.lastChild.value);

  /** The points that the controls ask for. */
  const pick = () => {
    const here = points.filter(inStudy);
    const world = refill(preset, unique(here.map((point) => point.preset)), chosen.preset || "laptop");
    const there = here.filter((point) => point.preset === world);
    const ways = unique(there.map((point) => point.protocol)).map((i) => [i, evidence.protocols[i]]);
    const way = refill(protocol, [[OWN, "as each run says (Table 3’s rule)"], [ALL, "in every way recorded"], ...ways],
      chosen.protocol || OWN);
    const wanted = new FormData(form).getAll("network");
    const fits = (point) =>
      way === ALL || (way === OWN ? point.protocol === point.own && !point.fused : point.protocol === Number(way));
    const kept = there.filter((point) => wanted.includes(point.network) && fits(point));
    // the same run may be in several studies: once is enough
    const same = (point) => [point.key, point.protocol, point.set, point.fused].join();
    return [...new Map(kept.map((point) => [same(point), point])).values()];
  };

  const rowsOf = (picked) => {
    const rows = new Map();
    for (const point of picked) {
      const name = [point.recipe, point.protocol, point.set, point.fused].join();
      rows.set(name, [...(rows.get(name) || []), point]);
    }
    const order = ([p]) => [networks.indexOf(p.network), p.recipe, p.fused, p.protocol];
    const compare = (a, b) => order(a).map((n, i) => n - order(b)[i]).find((n) => n) || 0;
    return [...rows.values()].sort(compare).map((row) => {
      const errors = row.map((point) => point.error);
      const trusted = row.length > 1 && row.every((point) => point.outcome === "finished");
      const [mean, low, high] = trusted ? explore.interval(errors) : [errors.reduce((a, b) => a + b) / errors.length];
      const sorted = row.sort((a, b) => a.error - b.error);
      return { points: sorted, trusted, mean, low: Math.max(low, 0), high: Math.min(high, 100) };
    });
  };

  const wayOf = (point) =>
    evidence.protocols[point.protocol] + (point.fused ? `, fused with ${count(point.fused, "more net")}` : "");

  const describe = (point) => [
    `${point.text}, seed ${point.seed}`,
    point.outcome === "diverged" ? "diverged: counted as guessing, 90\u00a0%"
      : `${point.error.toFixed(1)}\u00a0% of ${point.photographs} photographs (${point.set}) wrong`,
    wayOf(point) + (point.seconds ? `; took ${point.seconds}\u00a0s` : ""),
    `${point.epochs} epochs, peak rate ${point.rate}; study ${point.study}, run ${point.key}`,
  ];

  const drawDot = (point, i, all, at) => {
    const apart = (i - (all.length - 1) / 2) * Math.min(5, 22 / all.length); // equal errors beside each other
    const { colour } = data.networks[point.network];
    const place = `left: ${at(point.error)}%; top: calc(50% + ${apart}px); --colour: ${colour}`;
    const dot = el("button", {
      type: "button", class: `dot ${point.outcome}`, tabindex: -1, style: place, "aria-label": describe(point).join(". "),
    });
    return Object.assign(dot, { point });
  };

  const drawRow = ({ points: [first, ...others], trusted, mean, low, high }, at, ticks, sets) => {
    const all = [first, ...others];
    const [network, ...rest] = first.text.split(",");
    const lost = others.length ? ", no interval: diverged" : "";
    const spread = trusted ? ` (${low.toFixed(1)} to ${high.toFixed(1)})` : lost;
    return el("li", {},
      el("div", { class: "arm" }, el("b", {}, network), [""].concat(rest).join(","),
        el("small", {}, wayOf(first) + (sets > 1 ? `, ${first.set}` : "")),
        el("small", {}, `${mean.toFixed(1)}\u00a0%, ${count(all.length, "seed")}${spread}`)),
      el("div", { class: "track" },
        ticks.map((tick) => el("i", { style: `left: ${at(tick)}%` })),
        trusted && el("span", { class: "interval", style: `left: ${at(low)}%; right: ${100 - at(high)}%` }),
        others.length > 0 && el("span", { class: "mean", style: `left: ${at(mean)}%` }),
        all.map((point, i) => drawDot(point, i, all, at))));
  };

  const summary = (picked, rows, hidden) => {
    const sizes = new Map(picked.filter((point) => point.photographs).map((point) => [point.set, point.photographs]));
    const one = [...sizes].map(([set, n]) => `one photograph of the ${n} (${set}) is ${(100 / n).toFixed(1)} points`);
    const failed = runs.filter((run) => run.outcome === "failed" && inStudy(run)).length;
    const shown = count(unique(picked.map((point) => point.key)).length, "run");
    return [`${shown}, ${count(rows.length, "row")}`, ...one].join("; ") + "."
      + (hidden ? ` ${hidden} diverged, not shown.` : "") + (failed ? ` ${failed} failed and have no error.` : "");
  };

  const draw = () => {
    const found = pick();
    const all = diverged.querySelector("input").checked;
    const picked = found.filter((point) => all || point.outcome !== "diverged");
    const rows = rowsOf(picked);
    const ends = (row) => (row.trusted ? [row.low, row.high] : []);
    const reach = rows.flatMap((row) => [...row.points.map((point) => point.error), ...ends(row)]);
    const [least, most] = [Math.min(...reach), Math.max(...reach)];
    const pad = Math.max(0.5, (most - least) / 20);
    const low = Math.max(0, least - pad), high = Math.min(100, most + pad);
    const at = (error) => Number(((100 * (error - low)) / (high - low)).toFixed(3));
    const ticks = rows.length ? explore.ticks(low, high) : [];
    const sets = unique(picked.map((point) => point.set)).length;
    tip.hidden = true;
    says.textContent = rows.length ? summary(picked, rows, found.length - picked.length)
      : "No record fits: choose another study or preset, or more networks.";
    chart.replaceChildren(
      el("ul", {}, rows.map((row) => drawRow(row, at, ticks, sets))),
      el("div", { class: "axis", "aria-hidden": "true" },
        el("div", { class: "track" }, ticks.map((tick) => el("span", { style: `left: ${at(tick)}%` }, String(tick)))),
        el("small", {}, "top-1 error, %: less is better")),
      tip);
    if (rows.length) chart.querySelector(".dot").tabIndex = 0;
  };

  const show = (dot) => {
    tip.replaceChildren(...describe(dot.point).map((line) => el("div", {}, line)));
    tip.hidden = false;
    const frame = chart.getBoundingClientRect(), box = dot.getBoundingClientRect();
    const left = box.left - frame.left + box.width / 2 - tip.offsetWidth / 2;
    tip.style.left = `${Math.max(0, Math.min(chart.clientWidth - tip.offsetWidth, left))}px`;
    const above = box.top - frame.top - tip.offsetHeight - 4;
    tip.style.top = `${chart.scrollTop + (above > 0 ? above : box.bottom - frame.top + 4)}px`;
  };
  const isDot = (node) => Boolean(node?.classList?.contains("dot"));
  chart.addEventListener("focusin", ({ target }) => {
    if (!isDot(target)) return;
    // one stop for Tab, arrows within
    for (const dot of chart.querySelectorAll(".dot")) dot.tabIndex = dot === target ? 0 : -1;
    show(target);
  });
  chart.addEventListener("focusout", () => (tip.hidden = true));
  chart.addEventListener("pointerover", ({ target }) => isDot(target) && show(target));
  chart.addEventListener("pointerleave", () => (tip.hidden = !isDot(document.activeElement)));
  chart.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
    if (!isDot(event.target)) return;
    const dots = [...chart.querySelectorAll(".dot")];
    const here = dots.indexOf(event.target);
    const row = event.target.closest("li");
    const next = {
      ArrowRight: dots[here + 1], ArrowLeft: dots[here - 1], Home: dots[0], End: dots[dots.length - 1],
      ArrowDown: row.nextElementSibling?.querySelector(".dot"),
      ArrowUp: row.previousElementSibling?.querySelector(".dot"),
    };
    if (!(event.key in next)) return;
    event.preventDefault(); // or the page scrolls
    next[event.key]?.focus();
  });

  const boxes = networks.map((name) => [name, name, true, data.networks[name].colour]);
  const form = explore.form(() => draw(), study, preset, protocol,
    explore.choices("checkbox", "Networks", "network", boxes), diverged);
  draw();
  return el("div", { class: "explorer-body" }, form, says, chart);
};
