/* A network of Table 1 at any size: where its parameters, arithmetic and memory go. */
"use strict";

explore.kinds.network = (figure, chosen) => {
  const { el, data } = explore;
  const bytes = (n) => `${explore.short(n)}B`.replace(/(\d)B/, "$1\u00a0B");
  const measures = {
    parameters: { text: "Parameters", cost: (row) => row.parameters, say: explore.short },
    macs: { text: "Multiply-adds", cost: (row) => row.macs, say: explore.short },
    memory: { text: "Activation memory", cost: (row) => 4 * row.activations, say: bytes },
  };
  const now = { network: "D", width: 1, size: 224, classes: 1000, measure: "parameters", ...chosen };
  const size = explore.slider("Image, pixels", "size", [32, 288, 8], now.size);
  const totals = el("table", { class: "totals" });
  const layers = el("table", {});
  const says = el("output", { class: "unseen-text" });

  const partOf = (row) => (row.kind === "fc" ? "the fully connected layers" : `stage ${row.layer.match(/\d/)[0]}`);

  /** Sum, and the part and the layer with most of it. */
  const summary = (rows, cost) => {
    const parts = new Map();
    for (const row of rows) parts.set(partOf(row), (parts.get(partOf(row)) || 0) + cost(row));
    const total = rows.reduce((sum, row) => sum + cost(row), 0);
    const [part, inPart] = [...parts].reduce((a, b) => (b[1] > a[1] ? b : a));
    const layer = rows.reduce((a, b) => (cost(b) > cost(a) ? b : a));
    return { total, part, inPart: inPart / total, layer: layer.layer, inLayer: cost(layer) / total };
  };

  const draw = () => {
    const picked = Object.fromEntries(new FormData(form));
    size.querySelector("b").textContent = picked.size;
    const rows = explore.networkCosts(picked.network, {
      classes: Number(picked.classes), size: Number(picked.size), width: Number(picked.width), norm: "norm" in picked,
    });
    const head = (...texts) => el("thead", {}, el("tr", {}, texts.map((text) => el("th", { scope: "col" }, text))));
    totals.replaceChildren(
      el("caption", {}, explore.swatch(data.networks[picked.network].colour), `Network ${picked.network}, one image`),
      head("cost", "in all", "most of it in"),
      el("tbody", {}, Object.values(measures).map(({ text, cost, say }) => {
        const { total, part, inPart, layer, inLayer } = summary(rows, cost);
        return el("tr", {}, el("th", { scope: "row" }, text), el("td", { title: explore.full(total) }, say(total)),
          el("td", {}, `${part}: ${explore.percent(inPart)}; ${layer} alone: ${explore.percent(inLayer)}`));
      })));
    const { text, cost, say } = measures[picked.measure];
    const total = rows.reduce((sum, row) => sum + cost(row), 0);
    const most = Math.max(...rows.map(cost));
    layers.replaceChildren(
      el("caption", {}, `${text} of each layer`),
      head("layer", "output", text.toLowerCase()),
      el("tbody", {}, rows.map((row) =>
        el("tr", {}, el("th", { scope: "row" }, row.layer),
          el("td", {}, row.kind === "fc" ? String(row.channels) : `${row.channels} × ${row.side}²`),
          explore.barCell(cost(row) / most, cost(row) ? say(cost(row)) : "none", data.kinds[row.kind],
            cost(row) > 0 && ` ${explore.percent(cost(row) / total)}`)))));
    const { part, inPart } = summary(rows, cost);
    says.textContent = `${text} of network ${picked.network}: ${say(total)}, `
      + `most in ${part} (${explore.percent(inPart)}).`;
  };

  const form = explore.form(() => draw(),
    explore.select("Network", "network", Object.keys(data.networks), now.network),
    explore.select("Width", "width", [[1, "1, the paper’s"], [0.5, "1/2"], [0.25, "1/4"], [0.125, "1/8"]], now.width),
    explore.select("Classes", "classes", [10, 100, 1000], now.classes),
    size,
    explore.choices("checkbox", "Batch norm", "norm", [["on", "after each convolution", "norm" in chosen]]),
    explore.choices("radio", "Show", "measure",
      Object.entries(measures).map(([name, { text }]) => [name, text, name === now.measure])));
  draw();
  return el("div", { class: "explorer-body" }, form, says, totals, el("div", { class: "layers" }, layers));
};
