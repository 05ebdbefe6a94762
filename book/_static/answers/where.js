/* The dense score map (§3.2) over the photograph: what the net says of each crop, for a class to choose. */
"use strict";

answers.parts.where = (figure) => {
  const { el } = explore;
  const nets = answers.known.nets;
  const net = explore.select("Net", "net", nets.map(({ name, label }) => [name, label]), nets[nets.length - 1].name);
  const thing = explore.select("Class", "class", [["", "what it says"], ...nets[0].classes.map((name, i) => [i, name])], "");
  const scale = explore.slider("Test scale Q", "q", [64, 224, 8], 160);
  const says = el("output", {});
  const board = el("canvas", { tabindex: 0, role: "application" });
  let map, chosen = 0, at = { x: 0, y: 0 }, photo;

  const current = () => answers.net(net.lastChild.value);
  const share = (x, y) => map.shares[y * map.width + x][chosen];

  /** Lays the photograph out, a tile of colour for each score at the middle of its crop, and the crop that is chosen. */
  const draw = (isPointed = false) => {
    const { crop } = current(), step = map.step, zoom = 720 / photo.width;
    board.width = Math.round(photo.width * zoom);
    board.height = Math.round(photo.height * zoom);
    const context = board.getContext("2d");
    context.imageSmoothingEnabled = true;
    context.drawImage(answers.canvas(photo), 0, 0, board.width, board.height);
    for (let y = 0; y < map.height; y++) {
      for (let x = 0; x < map.width; x++) {
        const p = share(x, y), left = (x * step + (crop - step) / 2) * zoom, top = (y * step + (crop - step) / 2) * zoom;
        context.fillStyle = `rgb(213 94 0 / ${0.1 + 0.6 * p})`; // Okabe and Ito's vermilion
        context.fillRect(left, top, step * zoom - 1, step * zoom - 1);
        const text = answers.percent(p), size = Math.min(26, step * zoom * 0.3);
        context.font = `${size}px sans-serif`;
        context.textAlign = "center";
        context.textBaseline = "middle";
        context.lineWidth = 4;
        context.strokeStyle = "#000";
        context.fillStyle = "#fff";
        context.strokeText(text, left + (step * zoom) / 2, top + (step * zoom) / 2);
        context.fillText(text, left + (step * zoom) / 2, top + (step * zoom) / 2);
      }
    }
    for (const [colour, width] of [["#000", 7], ["#fff", 3]]) {
      [context.strokeStyle, context.lineWidth] = [colour, width];
      context.strokeRect(at.x * step * zoom, at.y * step * zoom, crop * zoom, crop * zoom);
    }
    const { classes, crop: side } = current(), name = answers.short(classes[chosen]);
    const places = map.width * map.height;
    const best = answers.best(map.shares.map((shares) => shares[chosen]));
    const place = (x, y) => `place ${x + 1} of ${map.width} across, ${y + 1} of ${map.height} down`;
    answers.tell(says, places === 1 ? `At this scale the whole is one crop of ${side}×${side} pixels: ${name} ${answers.percent(share(0, 0))}.`
      : `${places} crops at once. Most “${name}”, ${answers.percent(map.shares[best][chosen])}: ${place(best % map.width, Math.floor(best / map.width))}. `
        + `The outlined crop, ${place(at.x, at.y)}: ${answers.percent(share(at.x, at.y))}.`, isPointed);
    board.setAttribute("aria-label",
      `The photograph under a map of ${map.width} by ${map.height} scores for ${name}. The arrow keys move the outlined crop.`);
  };

  const show = answers.whenSeen(figure, async (ask) => {
    const chosenNet = current(), q = Number(scale.lastChild.value);
    scale.querySelector("b").textContent = q;
    const image = answers.rescale(answers.photo, q);
    const { width, height, ...rest } = await ask(chosenNet, image);
    photo = image;
    const scores = answers.places(rest);
    // a score for each crop of the net's own size, this many pixels apart: the stride of all pools together
    map = { width, height, step: 2 ** chosenNet.layers.filter(({ kind }) => kind === "pool").length, shares: scores.map(answers.softmax) };
    chosen = thing.lastChild.value === "" ? answers.best(answers.mean(map.shares)) : Number(thing.lastChild.value);
    const best = answers.best(map.shares.map((shares) => shares[chosen]));
    at = { x: best % width, y: Math.floor(best / width) };
    draw();
  });

  const move = (x, y, isPointed = false) => {
    const before = at;
    at = { x: Math.max(0, Math.min(map.width - 1, x)), y: Math.max(0, Math.min(map.height - 1, y)) };
    if (at.x !== before.x || at.y !== before.y) draw(isPointed);
  };
  const pointed = ({ offsetX, offsetY }) => {
    const { crop } = current(), zoom = photo.width / board.clientWidth;
    const place = (pixels) => Math.round((pixels * zoom - crop / 2) / map.step);
    move(place(offsetX), place(offsetY), true);
  };
  board.addEventListener("pointermove", (event) => map && pointed(event));
  board.addEventListener("pointerdown", (event) => map && pointed(event));
  board.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || !map) return;
    event.preventDefault(); // or the page scrolls
    move(at.x + step[0], at.y + step[1]);
  });
  return { nodes: [explore.form(show, net, thing, scale), says, board], show };
};
