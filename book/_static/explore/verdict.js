/* The rules of the claims, to be moved: margin, seeds, correction. What was committed stays marked. Contrasts come from
   vgg_lib.book.moving; Student's t and Holm's method are computed here, and tests hold them to the library's. */
"use strict";

/** The probability that Student's t with a whole number of degrees of freedom is above t (Abramowitz & Stegun 26.7). */
explore.above = (t, df) => {
  const angle = Math.atan(t / Math.sqrt(df)), sin = Math.sin(angle), cos = Math.cos(angle);
  const odd = df % 2;
  let term = odd ? cos : 1, sum = df > 1 ? term : 0;
  for (let k = odd ? 2 : 1; k <= df - 3; k += 2) {
    term *= (k / (k + 1)) * cos ** 2;
    sum += term;
  }
  const within = odd ? (2 / Math.PI) * (angle + sin * sum) : sin * sum;
  return (1 - within) / 2;
};

/** Each p adjusted for all the others by Holm's method. */
explore.holm = (all) => {
  const order = all.map((p, i) => [p, i]).sort(([a], [b]) => a - b);
  const adjusted = [];
  let least = 0;
  order.forEach(([p, i], rank) => (adjusted[i] = least = Math.max(least, Math.min(1, (all.length - rank) * p))));
  return adjusted;
};

/** What vgg_lib.evidence.rules says of a claim before the correction, with its margin and its seeds moved. */
explore.judge = (claim, margin, seeds) => {
  const wanted = Math.min(seeds, claim.seeds);
  const [whole, contrasts] = claim.by_seeds[wanted - 2];
  const least = contrasts.reduce((a, b) => (b[0] < a[0] ? b : a), contrasts[0] || []);
  const found = { claim, margin, wanted, whole, least, verdict: "to be tested", p: 1 };
  if (whole < wanted) return found;
  const above = (by, error, df) => (error ? explore.above(by / error, df) : by > 0 ? 0 : by < 0 ? 1 : 0.5);
  if (claim.same) {
    const [effect, error, df] = least;
    const within = error ? above(margin - Math.abs(effect), error, df) : Number(Math.abs(effect) >= margin);
    return { ...found, verdict: within <= 0.5 ? "reproduced" : "contradicted", p: 2 * Math.min(within, 1 - within) };
  }
  const more = contrasts.map(([effect, error, df]) => above(effect - margin, error, df));
  const most = Math.max(...more);
  const less = Math.min(1, more.length * Math.min(...more.map((p) => 1 - p)));
  return { ...found, verdict: most < less ? "reproduced" : "contradicted", p: Math.min(1, 2 * Math.min(most, less)) };
};

/** All claims under a rule: `more` and `same` are margins in points, null for the committed one. A verdict is
    provisional where only the correction for claims whose runs are missing makes it inconclusive. */
explore.verdicts = ({ more = null, same = null, seeds = Infinity, holm = true } = {}) => {
  const { claims, level } = explore.data.rules;
  const judged = claims.map((claim) => explore.judge(claim, (claim.same ? same : more) ?? claim.margin, seeds));
  const all = judged.map(({ p }) => p), waits = judged.some(({ verdict }) => verdict === "to be tested");
  return (holm ? explore.holm(all) : all).map((p, i) => {
    const undecided = judged[i].verdict !== "to be tested" && !(p < level);
    const provisional = undecided && waits && judged[i].p < level;
    return { ...judged[i], p, provisional, verdict: undecided ? "inconclusive" : judged[i].verdict };
  });
};

explore.kinds.verdict = (figure, chosen) => {
  const { el, data } = explore;
  const { claims } = data.rules;
  const most = Math.max(...claims.map((claim) => claim.seeds));
  const shift = claims.find((claim) => !claim.same).margin, margin = claims.find((claim) => claim.same).margin;
  const committed = explore.verdicts();
  const points = (n) => n.toFixed(2).replace("-", "−");

  const which = explore.select("Claim", "claim", claims.map(({ id, statement }) => [id, statement]), chosen.claim);
  const more = explore.slider("A difference is more than … points:", "more", [0, 3, 0.1], shift);
  const same = explore.slider("No difference is less than … points:", "same", [0.1, 3, 0.1], margin);
  const seeds = explore.slider("Seeds, at most:", "seeds", [2, most, 1], most);
  const holm = explore.choices("radio", "Corrected for all claims", "holm",
    [["yes", "by Holm’s method", true], ["no", "not at all"]]);
  const back = el("button", { type: "button" }, "Back to the committed rules");
  const says = el("output", {});
  const chart = el("div", { class: "chart", role: "group", "aria-label": "Errors of the claim's arms, and their difference" });
  const table = el("div", { class: "scroll verdicts", tabindex: 0, role: "region", "aria-label": "Verdicts of all claims" });

  const line = (kind, at, value) => el("span", { class: kind, style: `left: ${at(value)}%` });
  const row = (name, told, nodes) => el("li", {},
    el("div", { class: "arm" }, el("b", {}, name), el("small", {}, told)), el("div", { class: "track" }, nodes));

  /** The arms' errors, seed by seed; those that are not used are hollow. */
  const drawArms = (arms, used) => {
    const known = arms.flatMap(({ errors }) => errors.filter((error) => error !== null));
    if (!known.length) return [el("p", {}, "No run of this claim is recorded yet.")];
    const { at, ticks } = explore.axis(known);
    const rows = arms.map(({ name, network, errors }) => {
      const there = errors.map((error, seed) => [error, seed]).filter(([error]) => error !== null);
      const dots = there.map(([error, seed]) => el("span", {
        class: `dot${seed < used ? "" : " unused"}`, title: `seed ${seed}: ${error}\u00a0%`,
        style: `left: ${at(error)}%; --colour: ${data.networks[network].colour}`,
      }));
      const told = there.map(([error, seed]) => (seed < used ? error.toFixed(1) : `(${error.toFixed(1)})`)).join(", ");
      return row(name, told ? `${told}\u00a0%` : "no run recorded yet", [...ticks.map((t) => line("tick", at, t)), dots].flat());
    });
    return [el("ul", {}, rows), explore.axisNodes({ at, ticks }, "error, %, a dot for each seed: less is better")];
  };

  /** The difference that is judged, with its interval, the committed limits and the moved ones. */
  const drawDifference = ({ claim, margin: moved, least: [effect, error, df] }) => {
    if (effect === undefined) return [el("p", {}, "A difference takes two seeds of each arm.")];
    const half = data.evidence.student[Math.min(df, data.evidence.student.length) - 1] * error;
    const limits = (limit) => (claim.same ? [-limit, limit] : [limit]);
    const axis = explore.axis([0, effect - half, effect + half, ...limits(claim.margin), ...limits(moved)]);
    const { at, ticks } = axis;
    const nodes = [
      ...ticks.map((t) => line("tick", at, t)),
      ...limits(claim.margin).map((limit) => line("zero", at, limit)),
      ...limits(moved).map((limit) => line("limit", at, limit)),
      el("span", { class: "interval", style: `left: ${at(effect - half)}%; right: ${100 - at(effect + half)}%` }),
      line("mean", at, effect),
    ];
    const told = `${points(effect)} (${points(effect - half)} to ${points(effect + half)}) points`;
    return [el("ul", {}, row("Difference", told, nodes)),
      explore.axisNodes(axis, "points. Dashed: the committed limit. Solid: yours")];
  };

  const status = ({ verdict, provisional, whole, wanted }) =>
    verdict === "to be tested" ? `rule committed, ${whole} of ${wanted} seeds` : provisional ? `${verdict} so far` : verdict;

  const drawTable = (judged) => el("table", {},
    el("caption", {}, "All claims that a test judges"),
    el("thead", {}, el("tr", {}, ["claim", "committed rule", "your rule"].map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, judged.map((one, i) => {
      const moved = one.verdict !== committed[i].verdict;
      return el("tr", { class: moved && "moved" }, el("th", { scope: "row" }, one.claim.id),
        el("td", {}, status(committed[i])), el("td", {}, moved ? el("b", {}, status(one)) : status(one)));
    })));

  const draw = () => {
    for (const label of [more, same, seeds]) label.querySelector("b").textContent = label.lastChild.value;
    const judged = explore.verdicts({
      more: Number(more.lastChild.value), same: Number(same.lastChild.value), seeds: Number(seeds.lastChild.value),
      holm: new FormData(form).get("holm") === "yes",
    });
    const one = judged.find(({ claim }) => claim.id === which.lastChild.value);
    const before = committed.find(({ claim }) => claim === one.claim);
    const moved = judged.filter(({ verdict }, i) => verdict !== committed[i].verdict).length;
    says.textContent = `Under your rule: ${status(one)}${one.verdict === "to be tested" ? "" : `, p = ${one.p.toPrecision(2)}`}. `
      + `Under the committed one: ${status(before)}. ${moved} of ${judged.length} verdicts differ.`;
    chart.replaceChildren(...drawArms(one.claim.arms, one.wanted), ...drawDifference(one));
    table.replaceChildren(drawTable(judged));
  };

  const form = explore.form(() => draw(), which, more, same, seeds, holm, back);
  back.addEventListener("click", () => {
    for (const [label, value] of [[more, shift], [same, margin], [seeds, most]]) label.lastChild.value = value;
    form.querySelector("input[value=yes]").checked = true;
    draw();
  });
  draw();
  return el("div", { class: "explorer-body" }, form, says, chart, table);
};
