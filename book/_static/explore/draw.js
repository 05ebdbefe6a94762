/* What the explorers share: nodes, controls, numbers, bars and the ticks of an axis. */
"use strict";

/** An element; `null`, `undefined` and `false` are attributes and children that are left out. */
explore.el = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
};

/** Options for a select: values, or pairs of value and text. */
explore.options = (choices, chosen) =>
  choices.map((choice) => {
    const [value, text] = Array.isArray(choice) ? choice : [choice, choice];
    return explore.el("option", { value, selected: String(value) === String(chosen) && "" }, String(text));
  });

explore.select = (label, name, choices, chosen) =>
  explore.el("label", {}, explore.el("span", {}, label),
    explore.el("select", { name, autocomplete: "off" }, explore.options(choices, chosen)));

explore.slider = (label, name, [min, max, step], value) =>
  explore.el("label", {}, explore.el("span", {}, label, " ", explore.el("b", {}, String(value))),
    explore.el("input", { type: "range", name, min, max, step, value, autocomplete: "off" }));

/** Radio buttons or checkboxes under one heading; choices are triples of value, text and whether it is chosen. */
explore.choices = (type, legend, name, choices) =>
  explore.el("fieldset", {}, explore.el("legend", {}, legend),
    choices.map(([value, text, checked, colour]) =>
      explore.el("label", {},
        explore.el("input", { type, name, value, checked: checked && "", autocomplete: "off" }),
        colour && explore.swatch(colour), text)));

explore.form = (onChange, ...children) => {
  const form = explore.el("form", {}, ...children);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", onChange);
  return form;
};

explore.swatch = (colour) => explore.el("span", { class: "swatch", style: `--colour: ${colour}`, "aria-hidden": "true" });

/** Three digits and a prefix, as the book writes large numbers: 138 M, 15.5 G. */
explore.short = (number) => {
  const [unit, letter] = [[1e9, "\u00a0G"], [1e6, "\u00a0M"], [1e3, "\u00a0k"], [0, ""]].find(([u]) => number >= u);
  const value = number / (unit || 1);
  return value.toFixed(Number.isInteger(value) || value >= 100 ? 0 : value >= 10 ? 1 : 2) + letter;
};

explore.full = (number) => number.toLocaleString("en");

explore.percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}\u00a0%`;

/** A cell of a table with a bar before its text, `share` of the longest. */
explore.barCell = (share, text, colour) =>
  explore.el("td", { class: "bar", style: `--share: ${share}; --colour: ${colour}` }, text);

/** A bar and its text on a line of their own, `share` of the longest. */
explore.bar = (share, text, colour) =>
  explore.el("div", { class: "bar", style: `--share: ${share}; --colour: ${colour}` }, text);

/** Round numbers from low to high, about `count` of them. */
explore.ticks = (low, high, count = 8) => {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const ticks = [];
  for (let n = Math.ceil(low / step); n * step <= high + step / 1e6; n++) ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
};

/** An axis that all of these numbers are on, and room at its ends: where a number is on it, in percent, and its ticks. */
explore.axis = (numbers) => {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const pad = Math.max(0.5, (most - least) / 20);
  const low = least - pad, high = most + pad;
  const at = (value) => Number(((100 * (value - low)) / (high - low)).toFixed(3));
  return { at, ticks: explore.ticks(low, high).filter((tick) => tick >= low) };
};

explore.axisNodes = ({ at, ticks }, label) => explore.el("div", { class: "axis", "aria-hidden": "true" },
  explore.el("div", { class: "track" }, ticks.map((tick) => explore.el("span", { style: `left: ${at(tick)}%` }, String(tick)))),
  explore.el("small", {}, label));
