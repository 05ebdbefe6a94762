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
  const channels = explore.select("Channels in", "channels", [3, 64, 128, 256, 512], chosen.channels || 64);
  const grown = explore.select("Channels out", "out", [64, 128, 256, 512], chosen.out || 64);
  const shaded = explore.choices("checkbox", "Shade", "paths", [["on", "by the number of paths", true]]);
  const add = [1, 3, 5, 7, "pool"].map((layer) =>
    el("button", { type: "button", value: layer }, layer === "pool" ? "+ 2×2 pool" : `+ ${layer}×${layer}`));
  const remove = el("button", { type: "button", value: "remove" }, "Remove last");
  const across = explore.slider("Place, across", "x", [0, side - 1, 1], at.x);
  const down = explore.slider("Place, down", "y", [0, side - 1, 1], at.y);

  // The markup below is this file's own text; the parser gives it SVG's namespace.
  const picture = el("div", { class: "picture" });
  picture.innerHTML = `<svg viewBox="0 0 ${side} ${side}" tabindex="0" role="application">
    <image width="${side}" height="${side}"></image><path class="unseen" fill-rule="evenodd"></path>
    <image class="paths"></image><g></g></svg>`;
  const svg = picture.firstChild;
  svg.querySelector("image").setAttribute("href", new URL("photo.png", explore.base));
  svg.style.setProperty("--view", data.view);
  svg.setAttribute("aria-label",
    `Photograph of ${data.photo.shows}, ${side} by ${side} pixels. The arrow keys move the unit.`);
  const table = el("table", {});
  const says = el("output", {});

  const shade = document.createElement("canvas");

  const layersOf = (kernels) => {
    const c = Number(grown.lastChild.value);
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

  /** Pixels with fewer paths to the unit are covered the more. */
  const drawPaths = (layers, rows) => {
    const paths = svg.querySelector(".paths");
    const on = rows.length > 0 && shaded.querySelector("input").checked;
    paths.style.display = on ? "" : "none";
    if (!on) return;
    const shares = explore.paths(layers);
    const [x, y, length] = view(rows[rows.length - 1]);
    shade.width = shade.height = length;
    const pixels = new ImageData(length, length);
    for (let i = 0; i < length * length; i++) {
      pixels.data[4 * i + 3] = 200 * (1 - shares[i % length] * shares[Math.floor(i / length)]);
    }
    shade.getContext("2d").putImageData(pixels, 0, 0);
    for (const [name, value] of Object.entries({ x, y, width: length, height: length, href: shade.toDataURL() })) {
      paths.setAttribute(name, value);
    }
  };

  /** Weights as multiples of C² where all layers have C channels, or else as a number. */
  const weightsOf = (row, c, same) => (same ? `${explore.full(row.weights / c ** 2)} C²` : explore.short(row.weights));

  const drawTable = (rows, sum, single, c, same) => {
    const largest = { weights: Math.max(sum.weights, single.weights) || 1, macs: Math.max(sum.macs, single.macs) || 1 };
    const cells = (row, colour) => [
      explore.barCell(row.weights / largest.weights, row.weights ? weightsOf(row, c, same) : "–", colour),
      explore.barCell(row.macs / largest.macs, row.macs ? explore.short(row.macs) : "–", colour),
    ];
    const line = (head, row, colour) =>
      el("tr", {}, el("th", { scope: "row" }, head), el("td", {}, `${row.field}×${row.field}`), ...cells(row, colour));
    const head = ["layer", "sees", "weights", "multiply-adds"].map((text) => el("th", { scope: "col" }, text));
    table.replaceChildren(
      el("caption", {}, `Layer by layer, on a picture of ${side}×${side}; biases left out`),
      el("thead", {}, el("tr", {}, head)),
      el("tbody", {}, rows.map((row, i) => line(`${i + 1}. ${row.layer}`, row, data.kinds[row.kind]))),
      el("tfoot", {}, line("stack", sum, data.kinds.conv), line("one filter", single, data.view)));
  };

  const compared = (one, other) => {
    const ratio = other / one;
    if (ratio === 1) return "as many";
    return ratio >= 2 ? `${explore.full(Number(ratio.toFixed(1)))} times as many`
      : `${explore.percent(Math.abs(ratio - 1))} ${ratio < 1 ? "fewer" : "more"}`;
  };

  const sentence = (rows, sum, single, c, same) => {
    if (!rows.length) return "No layer yet: a unit sees its own pixel.";
    const beyond = single.field > side ? " That is more than the picture." : "";
    const sees = `A unit sees ${sum.field}×${sum.field} pixels.${beyond} `;
    const of = (row) => weightsOf(row, c, same);
    if (rows.length === 1 || !sum.weights) return sees + (sum.weights ? `That takes ${of(sum)} weights.` : "");
    const stride = single.spacing > 1 ? ` with stride ${single.spacing}` : "";
    return `${sees}The stack has ${of(sum)} weights; one ${sum.field}×${sum.field} filter${stride} has ${of(single)}, `
      + `${compared(sum.weights, single.weights)}. The stack does ${explore.short(sum.macs)} multiply-adds; the filter `
      + `${explore.short(single.macs)}, ${compared(sum.macs, single.macs)}.`;
  };

  const draw = () => {
    const [inputs, c] = [channels, grown].map((label) => Number(label.lastChild.value));
    const layers = layersOf(stack);
    const rows = explore.costs(layers, { inputs, size: side });
    const last = rows[rows.length - 1] || { field: 1, side, spacing: 1 };
    const total = (measure) => rows.reduce((sum, row) => sum + row[measure], 0);
    const sum = { field: last.field, weights: total("weights"), macs: total("macs") };
    const weights = rows.length ? last.field ** 2 * inputs * c : 0;
    const single = { field: last.field, spacing: last.spacing, weights, macs: weights * last.side ** 2 };
    drawView(rows);
    drawPaths(layers, rows);
    drawTable(rows, sum, single, c, inputs === c);
    says.textContent = sentence(rows, sum, single, c, inputs === c);
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
  }, preset, channels, grown, el("fieldset", { class: "buttons" }, el("legend", {}, "Layers"), add, remove), shaded, across, down);
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
