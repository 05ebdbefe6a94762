/* The maps of a layer for this photograph, the strongest first, and what one of their units sees. */
"use strict";

/** Of each layer of a net: side of the view of a unit, where the view of the first unit begins, pixels between units. */
answers.views = (layers) => {
  let field = 1, first = 0, spacing = 1;
  return layers.map(({ name, kind, kernel = 2, padding = 0 }) => {
    field += (kernel - 1) * spacing;
    first -= padding * spacing;
    if (kind === "pool") spacing *= 2;
    return { name, field, first, spacing };
  });
};

answers.parts.inside = (figure) => {
  const { el } = explore;
  const nets = answers.fixed(), MOST = 12;
  const net = explore.select("Net", "net", nets.map(({ name, label }) => [name, label]), nets[nets.length - 1].name);
  const layer = explore.select("Layer", "layer", [], "");
  const says = el("output", {});
  const strip = el("fieldset", { class: "maps" });
  const board = el("canvas", { tabindex: 0, role: "application", class: "pixels" });
  const large = el("canvas", { tabindex: 0, role: "application", class: "pixels" });
  let map, order = [], chosen = 0, at = { x: 0, y: 0 }, image;

  const current = () => answers.net(net.lastChild.value);
  const view = () => answers.views(current().layers).find(({ name }) => name === layer.lastChild.value);
  const value = (channel, x, y) => map.data[(y * map.width + x) * map.channels + channel];

  /** A channel in grey, black at 0, white at its largest. */
  const grey = (channel, most) => {
    const picture = answers.picture(map.width, map.height);
    for (let i = 0; i < map.width * map.height; i++) picture.data.fill((255 * map.data[i * map.channels + channel]) / most, 3 * i, 3 * i + 3);
    return answers.canvas(picture, { "aria-hidden": "true", class: "pixels" });
  };
  const most = (channel) => {
    let highest = 1e-9;
    for (let i = channel; i < map.data.length; i += map.channels) highest = Math.max(highest, map.data[i]);
    return highest;
  };

  const outline = (context, zoom, x, y, side) => {
    for (const [ink, width] of [["#000", 5], ["#fff", 2]]) {
      [context.strokeStyle, context.lineWidth] = [ink, width];
      context.strokeRect(x * zoom, y * zoom, side * zoom, side * zoom);
    }
  };
  const drawBoards = (isPointed = false) => {
    const { field, first, spacing } = view(), channel = order[chosen], highest = most(channel);
    const zoom = 480 / image.width, context = board.getContext("2d");
    [board.width, board.height] = [480, Math.round(image.height * zoom)];
    context.imageSmoothingEnabled = false;
    context.drawImage(answers.canvas(image), 0, 0, board.width, board.height);
    outline(context, zoom, at.x * spacing + first, at.y * spacing + first, field);
    const scale = 480 / map.width, over = large.getContext("2d");
    [large.width, large.height] = [480, Math.round(map.height * scale)];
    over.imageSmoothingEnabled = false;
    over.drawImage(grey(channel, highest), 0, 0, large.width, large.height);
    outline(over, scale, at.x, at.y, 1);
    const share = value(channel, at.x, at.y) / highest;
    answers.tell(says, `Map ${channel + 1} of ${map.channels}, ${map.width}×${map.height} units. The outlined unit, ${at.x + 1} across and ${at.y + 1} down, `
      + `is at ${answers.percent(share)} of the map’s largest and sees ${field}×${field} pixels${field > Math.min(image.width, image.height) ? ", more than the picture" : ""}.`, isPointed);
    board.setAttribute("aria-label", "The photograph as the net takes it, with a square round what the outlined unit sees. The arrow keys move the unit.");
    large.setAttribute("aria-label", `Map ${channel + 1}, bright where it is strong. The arrow keys move the outlined unit.`);
  };

  const choose = (i) => {
    chosen = i;
    const channel = order[i];
    let best = 0;
    for (let j = 1; j < map.width * map.height; j++) if (map.data[j * map.channels + channel] > map.data[best * map.channels + channel]) best = j;
    at = { x: best % map.width, y: Math.floor(best / map.width) };
    drawBoards();
  };

  const drawStrip = () => {
    const sums = new Float64Array(map.channels);
    map.data.forEach((number, i) => (sums[i % map.channels] += number));
    order = [...sums.keys()].sort((a, b) => sums[b] - sums[a]).slice(0, MOST);
    strip.replaceChildren(el("legend", {}, `The ${order.length} strongest of ${map.channels} maps, the strongest first`),
      ...order.map((channel, i) => el("label", {},
        el("input", { type: "radio", name: "map", value: i, checked: i === 0 && "", autocomplete: "off" }),
        grey(channel, most(channel)), el("span", { class: "unseen-text" }, `Map ${channel + 1}`))));
  };

  const fillLayers = () => {
    const named = current().layers.filter(({ name }) => !name.startsWith("fc")).map(({ name }) => name);
    const before = layer.lastChild.value;
    layer.lastChild.replaceChildren(...explore.options(named, named.includes(before) ? before : named[2]));
  };

  const show = answers.whenSeen(figure, async (ask) => {
    fillLayers();
    const picture = answers.rescale(answers.photo, current().q);
    map = await ask(current(), picture, layer.lastChild.value);
    image = picture;
    drawStrip();
    choose(0);
  });

  const move = (x, y, isPointed = false) => {
    const before = at;
    at = { x: Math.max(0, Math.min(map.width - 1, x)), y: Math.max(0, Math.min(map.height - 1, y)) };
    if (at.x !== before.x || at.y !== before.y) drawBoards(isPointed);
  };
  for (const canvas of [board, large]) {
    canvas.addEventListener("pointermove", ({ offsetX, offsetY }) => {
      if (!map) return;
      const { first, field, spacing } = view();
      const unit = (pixels) => canvas === large ? Math.floor((pixels / large.clientWidth) * map.width)
        : Math.round(((pixels / board.clientWidth) * image.width - first - field / 2) / spacing);
      move(unit(offsetX), unit(offsetY), true);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step || !map) return;
      event.preventDefault(); // or the page scrolls
      const far = event.shiftKey ? 8 : 1;
      move(at.x + far * step[0], at.y + far * step[1]);
    });
  }
  strip.addEventListener("input", (event) => {
    event.stopPropagation();
    choose(Number(event.target.value));
  });
  return { nodes: [explore.form(show, net, layer), says, strip, el("div", { class: "beside" }, board, large)], show };
};
