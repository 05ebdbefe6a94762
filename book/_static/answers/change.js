/* Break it: the photograph changed in ways that a person hardly minds, and in ways that a person does. */
"use strict";

/** How often of how often. */
answers.times = (n, of) => `${n} time${n === 1 ? "" : "s"} out of ${of}`;

/** By name, what is done to the middle crop: `(rescaled photograph, side) => crop`. */
answers.changes = (() => {
  const crop = (change) => (photo, side) => change(answers.middle(photo, side));
  const shifted = (across, down) => (photo, side) => answers.middle(photo, side, across, down);
  const blocks = [16, 8, 4, 2].map((block) => [`blocks of ${block}×${block} shuffled`, crop((x) => answers.shuffle(x, block))]);
  return new Map([
    ["as it is", crop((x) => x)],
    ["a pixel to the left", shifted(1, 0)],
    ["four pixels to the left", shifted(4, 0)],
    ["mirrored", crop(answers.mirror)],
    ["upside down", crop(answers.upsideDown)],
    ["grey", crop(answers.grey)],
    ["blurred by 1 pixel", crop((x) => answers.blur(x, 1))],
    ["blurred by 2 pixels", crop((x) => answers.blur(x, 2))],
    ...blocks,
  ]);
})();

answers.parts.change = (figure) => {
  const { el } = explore;
  const nets = answers.fixed();
  const names = [...answers.changes.keys()];
  const says = el("output", {});
  const body = el("tbody", {});
  const view = el("div", { class: "shown" });
  let chosen = names[0], made = new Map();

  const rows = names.map((name) => {
    const radio = el("input", { type: "radio", name: "change", value: name, checked: name === chosen && "", autocomplete: "off" });
    const cells = nets.map(() => el("td", {}, "…"));
    body.append(el("tr", {}, el("th", { scope: "row" }, el("label", {}, radio, " ", name)), cells));
    return { name, cells };
  });
  const table = el("table", { class: "changes" },
    el("caption", {}, "The middle crop alone, not averaged with its mirror image. In bold: another answer than for the crop as it is"),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "the crop"), nets.map((net) => el("th", { scope: "col" }, answers.heading(net))))),
    body);

  const drawView = () => {
    const picture = made.get(chosen);
    if (picture) view.replaceChildren(answers.canvas(picture, { role: "img", class: "pixels", "aria-label": `The crop, ${chosen}` }));
  };

  const show = answers.whenSeen(figure, async (ask) => {
    const first = [], changed = nets.map(() => []);
    made = new Map();
    for (const { name, cells } of rows) {
      for (const [n, net] of nets.entries()) {
        const photo = answers.rescale(answers.photo, net.q);
        const picture = answers.changes.get(name)(photo, net.crop);
        if (n === 0) made.set(name, picture);
        const shares = answers.softmax(answers.places(await ask(net, picture))[0]), best = answers.best(shares);
        first[n] ??= best;
        if (best !== first[n]) changed[n].push(name);
        cells[n].textContent = `${answers.short(net.classes[best])} ${answers.percent(shares[best])}`;
        cells[n].classList.toggle("other", best !== first[n]);
      }
      if (name === chosen) drawView();
    }
    says.textContent = nets.map((net, n) => `${net.label} changes its mind ${answers.times(changed[n].length, names.length - 1)}`).join("; ") + ".";
  });
  body.addEventListener("input", ({ target }) => {
    chosen = target.value;
    drawView();
  });
  return { nodes: [says, el("div", { class: "beside" }, el("div", { class: "scroll" }, table), view)], show };
};
