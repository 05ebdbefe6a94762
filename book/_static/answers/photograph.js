/* Where the reader gives a photograph, or chooses one, and is told how far it has got. */
"use strict";

/** Shows how much of the weights has come, from 0 to 1: a sentence for each part would be read aloud. */
answers.progress = (share) => {
  const bar = document.querySelector("figure.answers progress");
  bar.hidden = share >= 1;
  bar.value = share;
};

answers.parts.photograph = (figure) => {
  const { el } = explore;
  const { nets, missing } = answers.known;
  const megabytes = (nets.reduce((sum, net) => sum + net.size, 0) / 1e6).toFixed(1);

  const input = el("input", { type: "file", accept: "image/*,.heic,.heif", name: "photograph", "aria-describedby": "nothing-leaves" });
  const field = el("label", { class: "drop" }, el("b", {}, "Choose a photograph"),
    el("span", {}, "or drop one here, or paste one"), input);
  const says = el("output", {}, nets.length ? "" : "No trained net comes with this copy of the book yet.");
  const progress = el("progress", { hidden: "", "aria-label": "Loading the nets" });
  const shown = el("div", { class: "shown" });
  Object.assign(answers, { says });

  let newest = 0;

  /** Begins with a photograph: whether the reader has given a newer one since, which a slow one must not replace. */
  const begin = () => {
    const mine = ++newest;
    return () => mine !== newest;
  };

  /** Shows the button of a sample as chosen, or none. */
  const choose = (button) => {
    for (const other of samples) other.setAttribute("aria-pressed", String(other === button));
  };

  const show = async (isStale, button, picture, words) => {
    choose(button);
    try {
      shown.replaceChildren(answers.canvas(picture, { role: "img", "aria-label": words }));
      if (!answers.call) answers.say("Loading the nets…");
      await answers.show(picture);
      const cut = picture.cut ? " Only its middle is looked at, since it is so long." : "";
      if (!isStale()) answers.say(`Here is ${picture.name}.${cut} The answers are below.`);
    } catch (error) {
      progress.hidden = true;
      if (!isStale()) answers.say("The nets did not load. Choose the photograph again to try once more.", true);
      console.warn(error);
    }
  };

  const take = async (file) => {
    if (!file) return answers.say("That is no file. Save the picture first, then choose or drop the file.", true);
    const isStale = begin();
    answers.say(`Reading ${file.name}…`);
    try {
      const picture = await answers.read(file);
      if (!isStale()) await show(isStale, null, picture, `Your photograph, ${file.name}`);
    } catch (error) {
      if (!(error instanceof answers.Refusal)) throw error;
      if (!isStale()) answers.say(error.message, true);
    }
  };

  const samples = answers.samples.map(({ name, alt, data }, i) => {
    const button = el("button", { type: "button", "aria-pressed": "false", title: name },
      el("img", { src: data, alt }));
    button.addEventListener("click", async () => {
      const isStale = begin(), image = button.firstChild;
      await image.decode();
      if (!isStale()) await show(isStale, button, answers.drawn(image, `the ${name}`), answers.samples[i].alt);
    });
    return button;
  });

  // A file that is chosen again, or saved anew under its name, is no change to a browser that holds it still.
  input.addEventListener("click", () => { input.value = ""; });
  input.addEventListener("change", () => input.files[0] && take(input.files[0]));
  // Anywhere on the page, or a drop beside the field would leave the book for the photograph.
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      field.classList.toggle("over", kind === "dragover");
      if (kind === "drop") take(event.dataTransfer.files[0]);
    });
  }
  document.addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData.files.length) take(clipboardData.files[0]);
  });

  const errors = nets.map((net) => el("li", {}, answers.introduce(net)));
  const absent = missing.length > 0 && el("li", {}, `Not there yet, since the book’s evidence is still being trained: ${missing.join(", ")}.`);
  return [
    el("div", { class: "beside" },
      el("div", {}, field,
        el("p", { id: "nothing-leaves" }, "Nothing leaves this machine: the nets come to the page, the photograph stays in it. "
          + `With the first photograph the nets are loaded, ${megabytes}\u00a0MB, once.`),
        el("fieldset", { class: "samples" }, el("legend", {}, "Or take one of these"), samples)),
      shown),
    progress, says,
    el("details", {}, el("summary", {}, "Which nets are these, and how often do they err?"), el("ul", {}, errors, absent)),
  ];
};

/** What a net is, on what it was trained, and how often it errs: all of it from its record. */
answers.introduce = (net) => {
  const scale = Array.isArray(net.scale) ? `S from ${net.scale.join(" to ")}` : `S = ${net.scale}`;
  const change = net.errorInBytes - net.error, points = Math.abs(change).toFixed(1);
  const rounded = points === "0.0" ? "no more and no less often" : `${points} points ${change > 0 ? "more" : "less"} often`;
  const stand = net.testSet === "validation" ? "" : " It is of the book’s pilot and stands in for a net of the evidence.";
  return `${net.label}: network ${net.network}${net.normalised ? " with batch normalisation" : ""}, trained at ${scale} on ${net.trainedOn}, `
    + `seed ${net.seed}. It errs on ${net.error.toFixed(1)}\u00a0% of the ${net.photographs.toLocaleString("en")} `
    + `${net.testSet} photographs; with weights of one byte each, as here, ${rounded}.${stand} Run ${net.key}.`;
};
