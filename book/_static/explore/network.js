/* Networks of Table 1 at any size, one or two: where their parameters, arithmetic and memory go. */
"use strict";

explore.kinds.network = (figure, chosen) => {
  const { el, data } = explore;
  const bytes = (n) => `${explore.short(n)}B`.replace(/(\d)B/, "$1\u00a0B");
  const NONE = "none";
  const now = { network: "D", beside: NONE, width: 1, size: 224, classes: 1000, batch: 1, ...chosen };
  const size = explore.slider("Image, pixels", "size", [32, 288, 8], now.size);
  const totals = el("table", { class: "totals" });
  const layers = el("table", { class: "three" });
  const says = el("output", {});

  /** The three costs, for a batch: what each is called, how much a layer takes, how it is written. */
  const measuresFor = (batch) => [
    ["Parameters", (row) => row.parameters, explore.short],
    ["Multiply-adds", (row) => batch * row.macs, explore.short],
    ["Activations", (row) => 4 * batch * row.activations, bytes],
  ];

  const partOf = (row) => (row.kind === "fc" ? "FC" : `stage ${row.layer.match(/\d/)[0]}`);
  const inAll = (rows, cost) => rows.reduce((sum, row) => sum + cost(row), 0);

  /** The parts of a network, and all with the most of a cost: several where they have equally much. */
  const most = (rows, cost) => {
    const parts = new Map();
    for (const row of rows) parts.set(partOf(row), (parts.get(partOf(row)) || 0) + cost(row));
    const largest = Math.max(...parts.values());
    const names = [...parts].filter(([, n]) => n === largest).map(([name]) => name);
    return `${names.join(" and ")}${names.length > 1 ? ", each" : ""} ${explore.percent(largest / inAll(rows, cost))}`;
  };

  const head = (...texts) => el("thead", {}, el("tr", {}, texts.map((text) => el("th", { scope: "col" }, text))));

  const drawTotals = (nets, measures) => {
    const two = nets.length > 1;
    totals.replaceChildren(
      el("caption", {}, "In all"),
      head("cost", ...nets.map(({ name }) => name), two ? `${nets[0].name} / ${nets[1].name}` : "most of it in"),
      el("tbody", {}, measures.map(([text, cost, say]) => {
        const sums = nets.map(({ rows }) => inAll(rows, cost));
        return el("tr", {}, el("th", { scope: "row" }, text),
          sums.map((sum) => el("td", { title: explore.full(sum) }, say(sum))),
          el("td", {}, two ? (sums[0] / sums[1]).toFixed(2) : most(nets[0].rows, cost)));
      })));
  };

  /** One network layer by layer; two, stage by stage, a bar for each. */
  const drawLayers = (nets, measures) => {
    const two = nets.length > 1;
    const names = two ? [...new Set(nets.flatMap(({ rows }) => rows.map(partOf)))] : nets[0].rows.map((row) => row.layer);
    const inRow = (rows, name, cost) =>
      inAll(rows.filter((row) => (two ? partOf(row) : row.layer) === name), cost);
    const largest = measures.map(([, cost]) =>
      Math.max(...nets.flatMap(({ rows }) => names.map((name) => inRow(rows, name, cost)))) || 1);
    layers.replaceChildren(
      el("caption", {}, two ? nets.map(({ name, colour }) => [explore.swatch(colour), `${name} `]) : `Layer by layer, ${nets[0].name}`),
      head(two ? "part" : "layer", ...measures.map(([text]) => text)),
      el("tbody", {}, names.map((name) => {
        const row = nets[0].rows.find(({ layer }) => layer === name);
        const output = row && (row.kind === "fc" ? String(row.channels) : `${row.channels} × ${row.side}²`);
        return el("tr", {}, el("th", { scope: "row" }, name, !two && el("small", {}, ` ${output}`)),
          measures.map(([, cost, say], i) => el("td", {}, nets.map(({ rows, colour }) => {
            const value = inRow(rows, name, cost);
            return explore.bar(value / largest[i], value ? say(value) : "–", two ? colour : data.kinds[row.kind]);
          }))));
      })));
  };

  const sentence = ([{ name, rows }, other], measures, batch) => {
    const [parameters, , activations] = measures.map(([, cost]) => cost);
    const weights = 4 * inAll(rows, parameters), maps = inAll(rows, activations);
    const images = batch === 1 ? "one image" : `${batch} images`;
    const memory = `${name}: ${bytes(weights)} of weights, ${bytes(maps)} of activations for ${images}.`;
    if (!other) return `${memory} Parameters: most in ${most(rows, parameters)}.`;
    const ratios = measures.map(([text, cost]) =>
      `${(inAll(rows, cost) / inAll(other.rows, cost)).toFixed(2)} times the ${text.toLowerCase()}`);
    return `${memory} It has ${ratios.join(", ")} of ${other.name}.`;
  };

  const draw = () => {
    const picked = Object.fromEntries(new FormData(form));
    size.querySelector("b").textContent = picked.size;
    const settings = {
      classes: Number(picked.classes), size: Number(picked.size), width: Number(picked.width), norm: "norm" in picked,
    };
    const nets = [picked.network, picked.beside].filter((name) => name !== NONE).map((name) =>
      ({ name, colour: data.networks[name].colour, rows: explore.networkCosts(name, settings) }));
    const batch = Number(picked.batch), measures = measuresFor(batch);
    drawTotals(nets, measures);
    drawLayers(nets, measures);
    says.textContent = sentence(nets, measures, batch);
  };

  const names = Object.keys(data.networks);
  const form = explore.form(() => draw(),
    explore.select("Network", "network", names, now.network),
    explore.select("Beside it", "beside", [NONE, ...names], now.beside),
    explore.select("Width", "width", [[1, "1, the paper’s"], [0.5, "1/2"], [0.25, "1/4"], [0.125, "1/8"]], now.width),
    explore.select("Classes", "classes", [10, 100, 1000], now.classes),
    explore.select("Images in a batch", "batch", [1, 16, 64, 256], now.batch),
    size,
    explore.choices("checkbox", "Batch norm", "norm", [["on", "after each convolution", "norm" in chosen]]));
  draw();
  return el("div", { class: "explorer-body" }, form, says, totals, el("div", { class: "scroll" }, layers));
};
