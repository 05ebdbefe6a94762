/* A stack of layers, its view growing over a picture, and its price beside that of one large filter. */
"use strict";

explore.kinds["receptive-field"] = (figure, chosen) => {
  const { el, data } = explore;
  const { side } = data.photo;
  const most = 10;
  const at = { x: side / 2, y: side / 2 };
  let stack = [];

  const names = Object.keys(data.stacks);
  const preset = explore.select("Stack", "stack", [...names, ["", "your own"]], chosen.stack || "three 3×3");
  const channels = explore.select("Channels C, in and out", "channels", [64, 128, 256, 512], chosen.channels || 64);
  const add = [1, 3, 5, 7, "pool"].map((layer) =>
    el("button", { type: "button", value: layer }, layer === "pool" ? "+ 2×2 pool" : `+ ${layer}×${layer}`));
  const remove = el("button", { type: "button", value: "remove" }, "Remove last");
  const across = explore.slider("Place, across", "x", [0, side - 1, 1], at.x);
  const down = explore.slider("Place, down", "y", [0, side - 1, 1], at.y);

  // The markup below is this file's own text; the parser gives it SVG's namespace.
  const picture = el("div", { class: "picture" });
  picture.innerHTML = `<svg viewBox="0 0 ${side} ${side}" tabindex="0" role="application">
    <image width="${side}" height="${side}"></image><path class="unseen" fill-rule="evenodd"></path><g></g></svg>`;
  const svg = picture.firstChild;
  svg.querySelector("image").setAttribute("href", new URL("photo.png", explore.base));
  svg.style.setProperty("--view", data.view);
  svg.setAttribute("aria-label",
    `Picture of a ${data.photo.thing}, ${side} by ${side} pixels. The arrow keys move the place that is looked at.`);
  const table = el("table", {});
  const says = el("output", {});

  const layersOf = (kernels) => {
    const c = Number(channels.lastChild.value);
    const convolution = (k) => [`${k}×${k}`, "conv", c, k, 1, (k - 1) / 2];
    return kernels.map((k) => (k === "pool" ? ["pool", "pool", 0, 2, 2, 0] : convolution(k)));
  };

  /** Left, top and side of what the unit over the place sees. */
  const view = ({ field, first, spacing }) =>
    ["x", "y"].map((axis) => Math.floor(at[axis] / spacing) * spacing + first).concat(field);

  const drawView = (rows) => {
    const group = svg.querySelector("g");
    while (group.children.length > rows.length) group.lastChild.remove();
    while (group.children.length < rows.length) {
      group.insertAdjacentHTML("beforeend", '<g><rect class="under"></rect><rect class="over"></rect></g>');
    }
    rows.forEach((row, i) => {
      const [x, y, length] = view(row);
      group.children[i].classList.toggle("last", i === rows.length - 1);
      for (const rect of group.children[i].children) {
        rect.style.cssText = `x: ${x}px; y: ${y}px; width: ${length}px; height: ${length}px`;
      }
    });
    const [x, y, length] = rows.length ? view(rows[rows.length - 1]) : [at.x, at.y, 1];
    svg.querySelector(".unseen").setAttribute("d", `M0 0H${side}V${side}H0Z M${x} ${y}h${length}v${length}h${-length}Z`);
  };

  const squares = (row, c) => `${explore.full(row.weights / c ** 2)} C²`;

  const drawTable = (rows, sum, single, c) => {
    const largest = { weights: Math.max(sum.weights, single.weights) || 1, macs: Math.max(sum.macs, single.macs) || 1 };
    const cells = (row, colour) => [
      explore.barCell(row.weights / largest.weights, row.weights ? squares(row, c) : "–", colour),
      explore.barCell(row.macs / largest.macs, row.macs ? explore.short(row.macs) : "–", colour),
    ];
    const line = (head, row, colour) =>
      el("tr", {}, el("th", { scope: "row" }, head), el("td", {}, `${row.field}×${row.field}`), ...cells(row, colour));
    const head = ["layer", "sees", "weights", "multiply-adds"].map((text) => el("th", { scope: "col" }, text));
    table.replaceChildren(
      el("caption", {}, `Layer by layer, for ${c} channels on a picture of ${side}×${side}; biases left out`),
      el("thead", {}, el("tr", {}, head)),
      el("tbody", {}, rows.map((row, i) => line(`${i + 1}. ${row.layer}`, row, data.kinds[row.kind]))),
      el("tfoot", {}, line("stack", sum, data.kinds.conv), line("one filter", single, data.view)));
  };

  const sentence = (rows, sum, single, c) => {
    if (!rows.length) return "No layer yet: a unit sees its own pixel.";
    const beyond = single.field > side ? " That is more than the picture." : "";
    const sees = `A unit sees ${sum.field}×${sum.field} pixels.${beyond} `;
    if (rows.length === 1 || !sum.weights) return sees + (sum.weights ? `That takes ${squares(sum, c)} weights.` : "");
    const ratio = single.weights / sum.weights;
    const stride = single.spacing > 1 ? ` with stride ${single.spacing}` : "";
    const compared = ratio >= 2 ? `${explore.full(Number(ratio.toFixed(1)))} times as many`
      : `${explore.percent(Math.abs(ratio - 1))} ${ratio < 1 ? "fewer" : "more"}`;
    return `${sees}The stack has ${squares(sum, c)} weights; one ${sum.field}×${sum.field} filter${stride} has `
      + `${squares(single, c)}, ${compared}.`;
  };

  const draw = () => {
    const c = Number(channels.lastChild.value);
    const rows = explore.costs(layersOf(stack), { inputs: c, size: side });
    const last = rows[rows.length - 1] || { field: 1, side, spacing: 1 };
    const total = (measure) => rows.reduce((sum, row) => sum + row[measure], 0);
    const sum = { field: last.field, weights: total("weights"), macs: total("macs") };
    const weights = rows.length ? last.field ** 2 * c ** 2 : 0;
    const single = { field: last.field, spacing: last.spacing, weights, macs: weights * last.side ** 2 };
    drawView(rows);
    drawTable(rows, sum, single, c);
    says.textContent = sentence(rows, sum, single, c);
    add.forEach((button) => (button.disabled = stack.length >= most || (button.value === "pool" && last.side < 2)));
    remove.disabled = !stack.length;
    [[across, "x"], [down, "y"]].forEach(([label, axis]) => {
      label.lastChild.value = at[axis];
      label.querySelector("b").textContent = at[axis];
    });
  };

  const move = (x, y) => {
    at.x = Math.max(0, Math.min(side - 1, x));
    at.y = Math.max(0, Math.min(side - 1, y));
    draw();
  };

  const pointed = (event) => {
    const box = svg.getBoundingClientRect();
    const pixel = (place, start, length) => Math.floor(((place - start) / length) * side);
    move(pixel(event.clientX, box.left, box.width), pixel(event.clientY, box.top, box.height));
  };
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    pointed(event);
  });
  svg.addEventListener("pointermove", (event) => svg.hasPointerCapture(event.pointerId) && pointed(event));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault(); // or the page scrolls
    const far = event.shiftKey ? 8 : 1;
    move(at.x + far * step[0], at.y + far * step[1]);
  });

  const form = explore.form((event) => {
    if (event.target.name === "stack") stack = [...(data.stacks[event.target.value] || stack)];
    move(Number(across.lastChild.value), Number(down.lastChild.value));
  }, preset, channels, el("fieldset", { class: "buttons" }, el("legend", {}, "Layers"), add, remove), across, down);
  form.addEventListener("click", ({ target }) => {
    if (target.type !== "button") return;
    if (target.value === "remove") stack = stack.slice(0, -1);
    else stack = [...stack, Number(target.value) || target.value];
    const known = names.find((name) => String(data.stacks[name]) === String(stack));
    preset.lastChild.value = known || "";
    draw();
  });

  stack = [...(data.stacks[preset.lastChild.value] || [])];
  draw();
  const beside = el("div", { class: "beside" }, picture, el("div", { class: "scroll" }, table));
  return el("div", { class: "explorer-body" }, form, says, beside);
};
