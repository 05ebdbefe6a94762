/* What vgg_lib.networks.geometry counts, counted again for whatever the reader chooses. A test holds the two together. */
"use strict";

/** The cost of each layer on feature maps, for one image; `layers` as in data.js.
    `first` is where the view of unit 0 begins, in input pixels; `spacing` how far apart the views of neighbours are. */
explore.costs = (layers, { inputs = 3, size = 224, width = 1, norm = false } = {}) => {
  let channels = inputs, side = size, field = 1, spacing = 1, first = 0;
  return layers.map(([layer, kind, out, kernel, stride, padding]) => {
    const before = channels;
    channels = out ? Math.floor(out * width) : before;
    side = Math.floor((side + 2 * padding - kernel) / stride) + 1;
    field += (kernel - 1) * spacing;
    first -= padding * spacing;
    spacing *= stride;
    const weights = kind === "conv" ? kernel ** 2 * before * channels : 0;
    const normalised = norm && kind === "conv" ? 1 : 0;
    return {
      layer, kind, channels, side, field, first, spacing, weights,
      parameters: weights && weights + channels * (1 + 2 * normalised),
      macs: weights * side ** 2,
      activations: channels * side ** 2 * (1 + normalised),
    };
  });
};

/** The same for a whole network of Table 1, its fully connected layers included. */
explore.networkCosts = (name, { classes = 1000, size = 224, width = 1, norm = false } = {}) => {
  const rows = explore.costs(explore.data.networks[name].layers, { size, width, norm });
  const last = rows[rows.length - 1];
  let features = last.channels * last.side ** 2;
  const hidden = Math.floor(explore.data.fc * width);
  for (const [layer, channels] of [["fc6", hidden], ["fc7", hidden], ["fc8", classes]]) {
    const weights = features * channels;
    rows.push({
      layer, kind: "fc", channels, side: 1, field: size, weights,
      parameters: weights + channels, macs: weights, activations: channels,
    });
    features = channels;
  }
  return rows;
};

/** In how many ways each input pixel reaches a unit, on one axis, as shares of the most: `layers` as above. */
explore.paths = (layers) => {
  let counts = [1];
  for (const [, , , kernel, stride] of [...layers].reverse()) {
    const below = new Array((counts.length - 1) * stride + kernel).fill(0);
    counts.forEach((count, i) => {
      for (let j = 0; j < kernel; j++) below[i * stride + j] += count;
    });
    counts = below;
  }
  const most = Math.max(...counts);
  return counts.map((count) => count / most);
};

/** Mean of at least two errors and the ends of its 95 % interval (Student), as vgg_lib.evidence.statistics has it. */
explore.interval = (errors) => {
  const n = errors.length;
  const mean = errors.reduce((a, b) => a + b) / n;
  const deviation = Math.sqrt(errors.reduce((sum, e) => sum + (e - mean) ** 2, 0) / (n - 1));
  const { student } = explore.data.evidence;
  const half = (student[Math.min(n - 2, student.length - 1)] * deviation) / Math.sqrt(n);
  return [mean, mean - half, mean + half];
};
