/* Pictures as `{ data, width, height }`, RGB bytes row by row, and what is done to them: pure functions, all of it. */
"use strict";

answers.picture = (width, height) => ({ data: new Uint8ClampedArray(width * height * 3), width, height });

/** A picture whose pixel (x, y) is that of another at `from(x, y)`, both in pixels. */
answers.rearranged = (picture, width, height, from) => {
  const out = answers.picture(width, height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = from(x, y), j = (v * picture.width + u) * 3;
      for (let c = 0; c < 3; c++) out.data[i++] = picture.data[j + c];
    }
  }
  return out;
};

answers.crop = (picture, left, top, width, height) =>
  answers.rearranged(picture, width, height, (x, y) => [x + left, y + top]);

answers.mirror = (picture) =>
  answers.rearranged(picture, picture.width, picture.height, (x, y) => [picture.width - 1 - x, y]);

answers.upsideDown = (picture) =>
  answers.rearranged(picture, picture.width, picture.height, (x, y) => [x, picture.height - 1 - y]);

/** One axis of the antialiased triangle that the library rescales with: for each target, first source and weights. */
answers.triangle = (source, target) => {
  const ratio = source / target, reach = Math.max(ratio, 1);
  return Array.from({ length: target }, (_, i) => {
    const centre = (i + 0.5) * ratio;
    const first = Math.max(0, Math.floor(centre - reach)), last = Math.min(source, Math.ceil(centre + reach));
    const weights = [];
    for (let j = first; j < last; j++) weights.push(Math.max(0, 1 - Math.abs(j + 0.5 - centre) / reach));
    const sum = weights.reduce((a, b) => a + b);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
};

/** A weighted sum of neighbours along one axis: the other axis is `outer`, their steps in numbers. */
answers.along = (data, out, axis, step, outer, outerStep, outStep, outOuterStep) => {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < axis.length; i++) {
      const { first, weights } = axis[i];
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let k = 0, j = o * outerStep + first * step + c; k < weights.length; k++, j += step) sum += weights[k] * data[j];
        out[o * outOuterStep + i * outStep + c] = sum;
      }
    }
  }
};

/** Both axes one after the other, rounded once. */
answers.filtered = ({ data, width, height }, columns, rows) => {
  const out = answers.picture(columns.length, rows.length);
  const half = new Float32Array(columns.length * height * 3);
  answers.along(data, half, columns, 3, height, width * 3, 3, columns.length * 3);
  answers.along(half, out.data, rows, columns.length * 3, columns.length, 3, columns.length * 3, 3);
  return out;
};

/** Rescaled isotropically to smallest side Q (§3.1). */
answers.rescale = (picture, q) => {
  const { width, height } = picture, smallest = Math.min(width, height);
  if (smallest === q) return picture;
  const side = (length) => Math.floor((length * q) / smallest);
  return answers.filtered(picture, answers.triangle(width, side(width)), answers.triangle(height, side(height)));
};

/** The middle crop of a side of that many pixels, `across` and `down` from the middle. */
answers.middle = (picture, side, across = 0, down = 0) =>
  answers.crop(picture, ((picture.width - side) >> 1) + across, ((picture.height - side) >> 1) + down, side, side);

answers.grey = (picture) => {
  const out = answers.picture(picture.width, picture.height), { data } = picture;
  for (let i = 0; i < data.length; i += 3) {
    out.data.fill(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2], i, i + 3);
  }
  return out;
};

/** Blurred by a Gaussian of that deviation, in pixels; beyond the edge the edge goes on. */
answers.blur = (picture, deviation) => {
  const reach = Math.ceil(3 * deviation);
  const axis = (length) => Array.from({ length }, (_, i) => {
    const first = Math.max(0, i - reach), last = Math.min(length - 1, i + reach);
    const weights = new Array(last - first + 1).fill(0);
    let sum = 0;
    for (let d = -reach; d <= reach; d++) {
      const weight = Math.exp(-(d ** 2) / (2 * deviation ** 2));
      weights[Math.min(last, Math.max(first, i + d)) - first] += weight;
      sum += weight;
    }
    return { first, weights: weights.map((weight) => weight / sum) };
  });
  return answers.filtered(picture, axis(picture.width), axis(picture.height));
};

/** Cut into blocks of that side, which change places: the same order each time. */
answers.shuffle = (picture, block) => {
  const across = Math.floor(picture.width / block), down = Math.floor(picture.height / block);
  const order = Array.from({ length: across * down }, (_, i) => i);
  let state = 1;
  for (let i = order.length - 1; i > 0; i--) {
    state = (state * 48271) % 2147483647; // Park and Miller's generator
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return answers.rearranged(picture, across * block, down * block, (x, y) => {
    const from = order[Math.floor(y / block) * across + Math.floor(x / block)];
    return [(from % across) * block + (x % block), Math.floor(from / across) * block + (y % block)];
  });
};

/** A picture on a canvas of its own size, for drawing and for showing. */
answers.canvas = ({ data, width, height }, attributes = {}) => {
  const canvas = explore.el("canvas", { width, height, ...attributes });
  const shown = new ImageData(width, height);
  for (let i = 0, j = 0; i < data.length; i += 3, j += 4) {
    for (let c = 0; c < 3; c++) shown.data[j + c] = data[i + c];
    shown.data[j + 3] = 255;
  }
  canvas.getContext("2d").putImageData(shown, 0, 0);
  return canvas;
};
