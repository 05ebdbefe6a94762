/* How large is it? The answers of a net that was trained at one scale and of one that was trained at many, over Q. */
"use strict";

answers.parts.size = (figure) => {
  const { el } = explore;
  const jittered = answers.jittered();
  const fixed = answers.fixed().find((net) => jittered && net.network === jittered.network) || answers.fixed().at(-1);
  const nets = [fixed, jittered].filter(Boolean);
  const [low, high, step] = [64, 224, 8];
  const all = Array.from({ length: (high - low) / step + 1 }, (_, i) => low + i * step);
  const scale = explore.slider("Test scale Q", "q", [low, high, step], 72);
  const thing = explore.select("Class", "class", [["", "what it says"], ...fixed.classes.map((name, i) => [i, name])], "");
  const says = el("output", {});
  const chart = el("div", { class: "chart-over-q" });
  const view = el("canvas", { width: high, height: high, role: "img" });
  const known = new Map(); // of this photograph: by net and Q
  let photo;

  const colour = (net) => net.colour;
  const words = (net) => (net === jittered ? `trained at S from ${net.scale.join(" to ")}` : `trained at S = ${net.scale}`);
  const at = (net, q) => known.get(`${net.name} ${q}`);
  const chosen = () => {
    if (thing.lastChild.value !== "") return Number(thing.lastChild.value);
    const there = nets.flatMap((net) => all.map((q) => at(net, q))).filter(Boolean);
    return there.length ? answers.best(answers.mean(there.map(({ posteriors }) => posteriors))) : 0;
  };

  /** The photograph at the size that Q gives it, with the square that one crop of the net sees. */
  const drawView = (q) => {
    const image = answers.rescale(photo, q), context = view.getContext("2d"), middle = (length) => (high - length) / 2;
    context.clearRect(0, 0, high, high);
    context.drawImage(answers.canvas(image), middle(image.width), middle(image.height));
    for (const [ink, width] of [["#000", 3], ["#fff", 1]]) {
      [context.strokeStyle, context.lineWidth] = [ink, width];
      context.strokeRect(middle(fixed.crop), middle(fixed.crop), fixed.crop, fixed.crop);
    }
    view.setAttribute("aria-label", `The photograph with a smallest side of ${q} pixels, and around its middle the ${fixed.crop} by ${fixed.crop} pixels of one crop.`);
  };

  const drawChart = (q) => {
    const c = chosen(), x = (value) => (100 * (value - low)) / (high - low), y = (share) => 50 - 50 * share;
    const line = (net) => {
      const points = all.filter((value) => at(net, value)).map((value) => `${x(value)},${y(at(net, value).posteriors[c])}`);
      return `<polyline points="${points.join(" ")}" style="stroke: ${colour(net)}" class="${net === jittered ? "jittered" : ""}"></polyline>`;
    };
    const dot = (net) => (at(net, q)
      ? `<path d="M${x(q)} ${y(at(net, q).posteriors[c])}h0" style="stroke: ${colour(net)}"></path>` : "");
    const trained = [...nets].reverse().map((net) => { // the many scales first: the one lies among them
      const [from, to] = [].concat(net.scale, net.scale);
      return `<path class="trained" d="M${x(from - 1)} 51.5H${x(to + 1)}" style="stroke: ${colour(net)}"></path>`;
    });
    // The markup is this file's own; the parser gives it SVG's namespace.
    chart.innerHTML = `<svg viewBox="-1 -2 102 56" preserveAspectRatio="none" aria-hidden="true">
      ${[0, 0.5, 1].map((share) => `<path class="grid" d="M0 ${y(share)}H100"></path>`).join("")}
      <path class="now" d="M${x(q)} 0V50"></path>${trained.join("")}${nets.map(line).join("")}${nets.map(dot).join("")}</svg>`;
    chart.prepend(el("p", { class: "scale", "aria-hidden": "true" }, ...["100\u00a0%", "50\u00a0%", "0\u00a0%"].map((text) => el("span", {}, text))));
    chart.append(
      el("p", { class: "ends" }, el("span", {}, `Q = ${low}`), el("span", {}, "thick on the axis: trained there"), el("span", {}, `Q = ${high}`)),
      el("p", { class: "key" }, nets.map((net) => el("span", {}, explore.swatch(colour(net)), ` ${net.network} ${words(net)}`))));
  };

  const draw = () => {
    const q = Number(scale.lastChild.value), c = chosen();
    scale.querySelector("b").textContent = q;
    drawView(q);
    drawChart(q);
    const name = answers.short(fixed.classes[c]);
    const told = nets.filter((net) => at(net, q)).map((net) => {
      const { posteriors, best } = at(net, q);
      const says = best === c ? "" : `, its answer is ${answers.short(net.classes[best])}`;
      return `${net.network} ${words(net)} gives ${name} ${answers.percent(posteriors[c])}${says}`;
    });
    answers.tell(says, `${told.length ? `At Q = ${q}, ${told.join("; ")}. ` : ""}${jittered ? "" : "The net trained at many scales is not there yet."}`);
  };

  /** The scale that is looked at first, then every other, nearest first. */
  const show = answers.whenSeen(figure, async (ask) => {
    if (photo !== answers.photo) known.clear();
    photo = answers.photo;
    draw();
    const now = Number(scale.lastChild.value);
    for (const q of [...all].sort((a, b) => Math.abs(a - now) - Math.abs(b - now))) {
      for (const net of nets) {
        if (!at(net, q)) known.set(`${net.name} ${q}`, await answers.answer(ask, net, photo, q));
      }
      draw();
    }
  });
  const form = explore.form(() => { draw(); show(); }, scale, thing);
  return { nodes: [form, says, el("div", { class: "beside" }, chart, view)], show };
};
