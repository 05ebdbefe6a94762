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

  const SEVERAL = 3; // seeds from which a mean has an interval here: over two it says next to nothing

  const questions = Object.entries(evidence.studies).map(([name, question]) => [name, question || name]);
  const study = explore.select("Records of", "study", [[ALL, "all studies"], ...questions], chosen.study || ALL);
  const worlds = { laptop: "64 pixels, a quarter of the width", paper: "224 pixels, full width", quick: "generated pictures" };
  const preset = explore.select("Trained at", "preset", []);
  const protocol = explore.select("Tested", "protocol", []);
  const seeds = explore.select("Show", "seeds", [["several", "what has several seeds"], [ALL, "everything"]],
    chosen.seeds || "several");
  const minuend = explore.select("Difference of", "minuend", []);
  const subtrahend = explore.select("minus", "subtrahend", []);
  const says = el("output", {});
  const chart = el("div", { class: "chart", role: "group", "aria-label": "A row for each recipe and way of testing" });
  const tip = el("div", { class: "tip", "aria-hidden": "true" }); // each dot's own label says the same
  const card = el("div", { class: "told", role: "status" });

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
    const there = unique(here.map((point) => point.preset)).map((name) => [name, worlds[name] || name]);
    const world = refill(preset, there, chosen.preset || "laptop");
    const trained = here.filter((point) => point.preset === world);
    const ways = unique(trained.map((point) => point.protocol)).map((i) => [i, evidence.protocols[i]]);
    const way = refill(protocol, [[OWN, "at one scale, densely"], [ALL, "in every way recorded"], ...ways],
      chosen.protocol || OWN);
    const wanted = new FormData(form).getAll("network");
    const fits = (point) =>
      way === ALL || (way === OWN ? point.protocol === point.own && !point.fused : point.protocol === Number(way));
    const kept = trained.filter((point) => wanted.includes(point.network) && fits(point));
    // the same run may be in several studies: once is enough
    const same = (point) => [point.key, point.protocol, point.set, point.fused].join();
    return [...new Map(kept.map((point) => [same(point), point])).values()];
  };

  /** Recipes as tested, those on the same photographs together, the least error on top: validation, then held-out. */
  const rowsOf = (picked) => {
    const rows = new Map();
    for (const point of picked) {
      const name = [point.recipe, point.protocol, point.set, point.fused].join();
      rows.set(name, [...(rows.get(name) || []), point]);
    }
    const made = [...rows].map(([name, row]) => {
      const errors = row.map((point) => point.error);
      const trusted = row.length >= SEVERAL && row.every((point) => point.outcome === "finished");
      const [mean, low, high] = trusted ? explore.interval(errors) : [errors.reduce((a, b) => a + b) / errors.length];
      const sorted = row.sort((a, b) => a.error - b.error);
      return { name, set: row[0].set, points: sorted, trusted, mean, low: Math.max(low, 0), high: Math.min(high, 100) };
    }).sort((a, b) => b.set.localeCompare(a.set) || a.mean - b.mean);
    const several = made.filter((row) => row.points.length > 1);
    return seeds.lastChild.value === ALL || !several.length ? made : several;
  };

  /** The axis, and what lies beyond its end: runs that hardly learnt would press all others together. */
  const axisOf = (rows) => {
    const means = rows.map((row) => row.mean).sort((a, b) => a - b);
    const end = 2 * means[Math.floor((means.length - 1) / 2)];
    const numbers = rows.flatMap((row) => [...(row.trusted ? [row.low, row.high] : []),
      ...row.points.filter((point) => point.outcome === "finished").map((point) => point.error)]);
    const within = numbers.filter((number) => number <= end);
    const axis = explore.axis(within.length ? within : [80, 90]);
    return { ...axis, at: (number) => Math.min(100, axis.at(number)), beyond: (number) => axis.at(number) > 100 };
  };

  const words = { "held-out": "held-out", validation: "validation" };
  const wayOf = (point) =>
    evidence.protocols[point.protocol] + (point.fused ? `, fused with ${count(point.fused, "more net")}` : "");

  const describe = (point) => [
    `${point.network}, ${point.text}, seed ${point.seed}`,
    point.outcome === "diverged" ? "diverged: counted as guessing, 90\u00a0%"
      : `wrong on ${point.error.toFixed(1)}\u00a0% of ${point.photographs} ${words[point.set] || point.set} photographs`,
    wayOf(point) + (point.seconds ? `; took ${point.seconds}\u00a0s` : ""),
  ];

  /** What stays under the chart of the dot that was chosen: its record, and the page that tells of it. */
  const tellOf = (point) => card.replaceChildren(
    ...describe(point).map((line) => el("div", {}, line)),
    el("div", {}, "Record ", el("code", {}, point.key), " of ", el("code", {}, `vgg_lib/records/${point.study}.jsonl`), "; ",
      el("a", { href: new URL(`../../${evidence.pages[point.study]}`, explore.base) }, "the page about it")));

  /** A dot at a number of the axis, what is told of it in lines, and the point whose record it leads to. */
  const drawDot = ({ point, number, told }, i, all, { at, beyond = () => false }) => {
    const apart = (i - (all.length - 1) / 2) * Math.min(5, 22 / all.length); // equal errors beside each other
    const { colour } = data.networks[point.network];
    const place = `left: ${at(number)}%; top: calc(50% + ${apart}px); --colour: ${colour}`;
    const shape = point.outcome === "finished" && beyond(number) ? "beyond" : point.outcome;
    const dot = el("button", {
      type: "button", class: `dot ${shape}`, tabindex: -1, style: place, "aria-label": told.join(". "),
    });
    return Object.assign(dot, { point, told });
  };

  const drawRow = ({ points: [first, ...others], trusted, mean, low, high }, axis, sets) => {
    const { at, ticks } = axis;
    const all = [first, ...others];
    const lost = all.some((point) => point.outcome === "diverged") ? ", no interval: diverged" : "";
    const spread = trusted ? ` (${low.toFixed(1)} to ${high.toFixed(1)})` : lost;
    return el("li", {},
      el("div", { class: "arm" }, el("b", {}, first.network), `, ${first.text}`,
        el("small", {}, wayOf(first) + (sets > 1 ? `, ${first.set}` : "")),
        el("small", {}, `${mean.toFixed(1)}\u00a0%, ${count(all.length, "seed")}${spread}`)),
      el("div", { class: "track" },
        ticks.map((tick) => el("i", { style: `left: ${at(tick)}%` })),
        trusted && el("span", { class: "interval", style: `left: ${at(low)}%; right: ${100 - at(high)}%` }),
        others.length > 0 && el("span", { class: "mean", style: `left: ${at(mean)}%` }),
        all.map((point, i) => drawDot({ point, number: point.error, told: describe(point) }, i, all, axis))));
  };

  const summary = (picked, rows, hidden, beyond) => {
    const sizes = new Map(picked.filter((point) => point.photographs).map((point) => [point.set, point.photographs]));
    const one = [...sizes].map(([set, n]) => `one photograph of the ${n} (${set}) is ${Number((100 / n).toPrecision(1))} points`);
    const failed = runs.filter((run) => run.outcome === "failed" && inStudy(run)).length;
    const shown = count(unique(picked.map((point) => point.key)).length, "run");
    const lost = picked.filter((point) => point.outcome === "diverged").length;
    const far = picked.filter((point) => point.outcome === "finished" && beyond(point.error)).length;
    return [`${shown}, ${count(rows.length, "row")}`, ...one].join("; ") + "."
      + (hidden ? ` ${count(hidden, "result")} of single seeds not shown.` : "")
      + (lost ? ` ${lost} diverged: at the right end, counted as 90\u00a0%.` : "")
      + (far ? ` ${far} ${far === 1 ? "errs" : "err"} on more than the axis shows: at the right end, pointing right.` : "")
      + (failed ? ` ${failed} failed and have no error.` : "");
  };

  const nameOf = ({ points: [first] }, all, sets) =>
    `${first.network}, ${first.text}` + (all ? `, ${wayOf(first)}` : "") + (sets > 1 ? `, ${first.set}` : "");

  const inPoints = (n) => n.toFixed(1).replace("-", "−");
  const errorOf = ({ error, outcome }) =>
    `${error.toFixed(1)}\u00a0%${outcome === "diverged" ? " (diverged: counted as guessing)" : ""}`;

  /** The errors of one row minus those of another on the same photographs, seed by seed. */
  const difference = (rows, sets) => {
    const choice = (row) => [row.name, nameOf(row, protocol.lastChild.value === ALL, sets)];
    const called = (name) => rows.find((row) => row.name === name);
    const one = called(refill(minuend, [[ALL, "choose two rows"], ...rows.map(choice)], ALL));
    const other = called(refill(subtrahend, rows.filter((row) => row.set === one?.set).map(choice)));
    subtrahend.hidden = !one;
    if (!one || !other || one === other) return [];
    const pairs = one.points.flatMap((point) =>
      other.points.filter(({ seed }) => seed === point.seed).map((paired) => {
        const number = point.error - paired.error;
        const told = `seed ${point.seed}: ${inPoints(number)} points: ${errorOf(point)} minus ${errorOf(paired)}`;
        return { point, number, told: [told] };
      }));
    if (!pairs.length) return [el("p", {}, "These two have no seed in common.")];
    const differences = pairs.map(({ number }) => number);
    const trusted = pairs.length >= SEVERAL;
    const [mean, low, high] = trusted ? explore.interval(differences)
      : [differences.reduce((a, b) => a + b) / differences.length];
    const axis = explore.axis([0, ...differences, ...(trusted ? [low, high] : [])]);
    const text = `${inPoints(mean)} points, ${count(pairs.length, "pair")}`
      + (trusted ? ` (${inPoints(low)} to ${inPoints(high)})` : ": too few for an interval");
    return [
      el("ul", {}, el("li", {},
        el("div", { class: "arm" }, el("b", {}, "Difference"), el("small", {}, text)),
        el("div", { class: "track" },
          axis.ticks.map((tick) => el("i", { style: `left: ${axis.at(tick)}%` })),
          el("span", { class: "zero", style: `left: ${axis.at(0)}%` }),
          trusted && el("span", { class: "interval", style: `left: ${axis.at(low)}%; right: ${100 - axis.at(high)}%` }),
          el("span", { class: "mean", style: `left: ${axis.at(mean)}%` }),
          pairs.map((pair, i) => drawDot(pair, i, pairs, axis))))),
      explore.axisNodes(axis, "difference of top-1 errors, points, seed by seed"),
    ];
  };

  const draw = () => {
    const picked = pick();
    const rows = rowsOf(picked);
    const axis = axisOf(rows);
    const shown = rows.flatMap((row) => row.points);
    const sets = unique(shown.map((point) => point.set)).length;
    tip.hidden = true;
    card.replaceChildren();
    says.textContent = rows.length ? summary(shown, rows, picked.length - shown.length, axis.beyond)
      : "No record fits: choose other records, or more networks.";
    chart.replaceChildren(
      el("ul", {}, rows.map((row) => drawRow(row, axis, sets))),
      explore.axisNodes(axis, "top-1 error, %: less is better"),
      ...difference(rows, sets), tip);
    if (rows.length) chart.querySelector(".dot").tabIndex = 0;
  };

  const show = (dot) => {
    tip.replaceChildren(...dot.told.map((line) => el("div", {}, line)));
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
  chart.addEventListener("click", ({ target }) => isDot(target) && tellOf(target.point));
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
  const form = explore.form(() => draw(), study, preset, protocol, seeds,
    explore.choices("checkbox", "Networks", "network", boxes), minuend, subtrahend);
  draw();
  return el("div", { class: "explorer-body" }, form, says, chart, card);
};
