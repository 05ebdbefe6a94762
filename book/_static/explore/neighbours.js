/* Local response normalisation of the channels of one place: what its parameters do, and who takes from whom. */
"use strict";

/** Each channel divided by (k + α Σ a²)^β over the n around it; `mean` reads α as PyTorch does, divided by n. */
explore.normalised = (channels, { k, alpha, beta, n, mean }) =>
  channels.map((a, i) => {
    const around = channels.slice(Math.max(0, i - (n - 1) / 2), i + (n - 1) / 2 + 1);
    const sum = around.reduce((total, value) => total + value * value, 0);
    return a / (k + (mean ? alpha / n : alpha) * sum) ** beta;
  });

explore.kinds.neighbours = (figure, chosen) => {
  const { el, data } = explore;
  const { channels: place, parameters } = data.neighbours;
  const now = { ...parameters, by: 1, ...chosen };
  const channels = place.slice(); // as the reader has them
  const most = 2 * Math.max(...place);
  const all = 2 * place.length - 1;
  const short = (value) => String(Number(value.toPrecision(3)));

  const k = explore.slider("k", "k", [1, 20, 0.5], now.k);
  const alpha = explore.slider("α", "alpha", [-7, 1, 0.25], Math.log10(now.alpha));
  const beta = explore.slider("β", "beta", [0, 2, 0.05], now.beta);
  const n = explore.select("n, channels that count", "n", [1, 3, 5, 7, 9, [all, "all"]], now.n);
  const by = explore.slider("Inputs divided by", "by", [1, 255, 1], now.by);
  const mean = explore.choices("checkbox", "Read as PyTorch does", "mean", [["on", "α divided by n", "mean" in chosen]]);
  const which = explore.select("Channel", "channel", place.map((_, i) => [i, i + 1]), place.indexOf(Math.max(...place)));
  const value = explore.slider("its number", "value", [0, most, 1], 0);
  const back = el("button", { type: "button" }, "Back to AlexNet’s");
  const says = el("output", {});
  const bars = place.map((_, i) => el("div", { class: "channel" }, el("div", {}), el("small", {}, String(i + 1))));
  const chart = el("div", { class: "channels", role: "img", style: `--colour: ${data.networks["A-LRN"].colour}` }, bars);
  const number = (label) => Number(label.lastChild.value);

  /** The share that is left of a channel, in words. */
  const left = (share) => (share > 0.995 ? "next to nothing" : explore.percent(1 - share));

  const draw = () => {
    const settings = { k: number(k), alpha: 10 ** number(alpha), beta: number(beta), n: number(n), mean: "mean" in picked() };
    const inputs = channels.map((a) => a / number(by));
    const after = explore.normalised(inputs, settings);
    const alone = inputs.map((a) => a * settings.k ** -settings.beta);
    const tallest = Math.max(...inputs) || 1;
    bars.forEach((bar, i) => {
      bar.style.setProperty("--before", inputs[i] / tallest);
      bar.style.setProperty("--alone", settings.k ** -settings.beta);
      bar.style.setProperty("--after", inputs[i] ? after[i] / inputs[i] : 0);
      bar.classList.toggle("chosen", i === number(which));
    });
    for (const [label, text] of [[k, k.lastChild.value], [alpha, short(settings.alpha)], [beta, beta.lastChild.value],
      [by, by.lastChild.value], [value, value.lastChild.value]]) label.querySelector("b").textContent = text;
    const shares = after.map((b, i) => b / alone[i]).filter((_, i) => alone[i] > 0);
    const strongest = inputs.indexOf(Math.max(...inputs));
    const others = settings.n === 1 ? "Its own square takes" : "Its neighbours and its own square take";
    says.textContent = shares.length
      ? `Channel ${strongest + 1} is the strongest. ${others} ${left(after[strongest] / alone[strongest])} of it: `
        + `${short(after[strongest])} is left where k alone would leave ${short(alone[strongest])}. `
        + `On average, a channel that is not 0 loses ${left(shares.reduce((sum, share) => sum + share, 0) / shares.length)}.`
      : "All channels are 0, and stay so.";
    chart.setAttribute("aria-label",
      `What is left of ${place.length} channels, as shares of the largest before: ${after.map((b) => (b / tallest).toFixed(2)).join(", ")}.`);
  };

  /** The number of the channel that is chosen goes onto its slider. */
  const choose = (i) => {
    which.lastChild.value = i;
    value.lastChild.value = channels[i];
    draw();
  };

  const form = explore.form((event) => {
    if (event.target.name === "channel") choose(number(which));
    if (event.target.name === "value") channels[number(which)] = number(value);
    draw();
  }, k, alpha, beta, n, by, mean, which, value, back);
  const picked = () => Object.fromEntries(new FormData(form));
  bars.forEach((bar, i) => bar.addEventListener("click", () => choose(i)));
  back.addEventListener("click", () => {
    channels.splice(0, channels.length, ...place);
    const first = [[k, parameters.k], [alpha, Math.log10(parameters.alpha)], [beta, parameters.beta], [n, parameters.n], [by, 1]];
    for (const [label, usual] of first) label.lastChild.value = usual;
    form.querySelector("[name=mean]").checked = false;
    choose(place.indexOf(Math.max(...place)));
  });
  choose(number(which));
  return el("div", { class: "explorer-body" }, chart, form, says); // the picture first: on a phone all stays in sight
};
