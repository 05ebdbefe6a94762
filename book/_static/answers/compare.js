/* The nets' answers side by side. */
"use strict";

answers.percent = (share) => {
  const rounded = Math.round(100 * share);
  return `${rounded === 100 && share < 1 ? ">\u00a099" : rounded === 0 && share > 0 ? "<\u00a01" : rounded}\u00a0%`;
};

/** The share of tested photographs with a lower highest score, in steps of a twentieth. */
answers.rank = (net, score) => net.ranks.filter((level) => level < score).length / (net.ranks.length + 1);
answers.FAMILIAR = 0.2;

/** A class without its explanation: "tench" of "tench, a fish". */
answers.short = (name) => name.split(",")[0];

/** A net's name with its colour. */
answers.heading = (net) => [explore.swatch(net.colour), " ", net.label];

answers.parts.compare = (figure) => {
  const { el } = explore;
  const nets = answers.fixed();
  const table = el("table", { class: "answers-table" });
  const says = el("output", {});
  const warning = el("p", { class: "warning" });

  const row = (given, name, i) =>
    el("tr", {}, el("th", { scope: "row" }, name), nets.map((net, n) => {
      const share = given[n] ? given[n].posteriors[i] : 0;
      const text = given[n] ? answers.percent(share) : "…";
      const cell = explore.barCell(share, text, net.colour);
      if (given[n] && given[n].best === i) cell.classList.add("best");
      return cell;
    }));

  const draw = (given) => {
    const { classes } = nets[0];
    const mean = answers.mean(given.filter(Boolean).map(({ posteriors }) => posteriors));
    const order = classes.map((_, i) => i).sort((a, b) => mean[b] - mean[a]);
    table.replaceChildren(
      el("caption", {}, "How each net shares out 100\u00a0% among the ten classes that it knows"),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "class"), nets.map((net) => el("th", { scope: "col" }, answers.heading(net))))),
      el("tbody", {}, order.map((i) => row(given, classes[i], i))));
    says.textContent = nets.map((net, n) => given[n]
      && `${net.label} says ${answers.short(classes[given[n].best])}, ${answers.percent(given[n].posteriors[given[n].best])}.`)
      .filter(Boolean).join(" ");
  };

  /** What a soft-max cannot say: that it is none of the ten. */
  const warn = (given) => {
    const ranks = nets.map((net, n) => answers.rank(net, given[n].highest));
    const agree = new Set(given.map(({ best }) => best)).size === 1;
    const unfamiliar = 2 * ranks.filter((rank) => rank < answers.FAMILIAR).length > nets.length;
    warning.classList.toggle("strong", unfamiliar || !agree);
    const told = nets.map((net, n) => `${net.label}’s highest score is ${given[n].highest.toFixed(1)}: `
      + `${ranks[n] ? `higher than for ${answers.percent(ranks[n])}` : "lower than for nearly all"} of its test photographs`);
    const verdict = unfamiliar ? "Perhaps none of the ten: only one in five photographs of them has so low a score. "
      : agree ? "" : "The nets disagree: one of these answers is right at most, and perhaps none. ";
    warning.textContent = `${verdict}${told.join("; ")}. The percentages above cannot tell: a soft-max shares out 100\u00a0% among ten `
      + "classes, whatever it is shown.";
  };

  const show = answers.whenSeen(figure, async (ask) => {
    const given = [];
    for (const net of nets) {
      given.push(await answers.answer(ask, net, answers.photo));
      draw(given);
    }
    warn(given);
  }, true);
  return { nodes: [says, el("div", { class: "scroll" }, table), warning], show };
};
