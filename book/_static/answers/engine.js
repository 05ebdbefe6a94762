/* The engine: trained nets and what they make of an image. One function that needs nothing around it, since a page that
   is opened from disk can start a worker only from text that it holds itself, such as this function's own.

   A map is { at, width, height, channels, pixel, line }: its place in memory, its size, and how many numbers lie from one
   pixel and from one row to the next. Channels are stored in eights, as kernel.wat takes them, but for the three of an
   image. Fully connected layers are convolutions here (§3.2 of the paper), so that one path serves crops and whole
   images. */
"use strict";

answers.engine = function (kernel) {
  const TILE = 4, BLOCK = 8;
  const rounded = (n, to) => Math.ceil(n / to) * to;

  /** Memory that grows, with or without WebAssembly. */
  const plainMemory = () => ({
    buffer: new ArrayBuffer(0),
    grow(pages) {
      const larger = new ArrayBuffer(this.buffer.byteLength + pages * 65536);
      new Uint8Array(larger).set(new Uint8Array(this.buffer));
      this.buffer = larger;
    },
  });

  let floats, end = 0; // `end`: behind the weights, in numbers
  const room = (numbers) => {
    const missing = numbers * 4 - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    if (!floats || floats.buffer !== memory.buffer) floats = new Float32Array(memory.buffer);
  };

  /** kernel.wat in JavaScript, for browsers without SIMD: the same order of sums, two pixels of four channels at a time. */
  const plainly = (input, weights, biases, output, blocks, rows, tiles, size, run, pixel, line, outPixel, outLine, low) => {
    const f = floats, step = pixel >> 2;
    for (let half = 0; half < 2 * blocks; half++) {
      const bias = (biases >> 2) + half * 4, filters = (weights >> 2) + (half >> 1) * size * run * BLOCK + (half & 1) * 4;
      for (let row = 0; row < rows; row++) {
        for (let x = 0; x < tiles * TILE; x += 2) {
          let a = f[bias], b = f[bias + 1], c = f[bias + 2], d = f[bias + 3], e = a, g = b, h = c, i = d, w = filters;
          for (let k = 0; k < size; k++) {
            let n = (input + (row + k) * line + x * pixel) >> 2;
            for (const last = n + run; n < last; n++, w += BLOCK) {
              const u = f[n], v = f[n + step], p = f[w], q = f[w + 1], r = f[w + 2], s = f[w + 3];
              a += u * p; b += u * q; c += u * r; d += u * s;
              e += v * p; g += v * q; h += v * r; i += v * s;
            }
          }
          let to = ((output + row * outLine + x * outPixel) >> 2) + half * 4;
          f[to] = a > low ? a : low; f[to + 1] = b > low ? b : low; f[to + 2] = c > low ? c : low; f[to + 3] = d > low ? d : low;
          to += outPixel >> 2;
          f[to] = e > low ? e : low; f[to + 1] = g > low ? g : low; f[to + 2] = h > low ? h : low; f[to + 3] = i > low ? i : low;
        }
      }
    }
  };

  let memory, convolve, fast = true;
  try {
    const code = Uint8Array.from(atob(kernel), (letter) => letter.charCodeAt(0));
    memory = new WebAssembly.Memory({ initial: 1 });
    ({ convolve } = new WebAssembly.Instance(new WebAssembly.Module(code), { engine: { memory } }).exports);
  } catch {
    [memory, convolve, fast] = [plainMemory(), plainly, false];
  }

  /** Weights of one layer, `(out, k, k, in)` as whole numbers, into blocks of eight output channels as floats. */
  const pack = ({ channels, kernel: size, inputs }, whole, scales, pitch) => {
    const run = size * pitch, blocks = rounded(channels, BLOCK) / BLOCK;
    const at = end;
    end += blocks * size * run * BLOCK;
    room(end);
    floats.fill(0, at, end);
    const f = floats;
    for (let o = 0, i = 0; o < channels; o++) {
      const scale = scales[o];
      let to = at + ((o / BLOCK) | 0) * size * run * BLOCK + (o % BLOCK);
      for (let place = 0; place < size * size; place++, to += (pitch - inputs) * BLOCK) {
        for (let c = 0; c < inputs; c++, to += BLOCK) f[to] = whole[i++] * scale;
      }
    }
    return at;
  };

  const nets = new Map();

  /** Takes in a net: its layers, and the bytes of their scales and biases (floats), then of their weights (int8). */
  const add = ({ name, layers, mean, deviation }, bytes) => {
    const numbers = new Float32Array(bytes, 0, 2 * layers.reduce((sum, layer) => sum + (layer.kernel ? layer.channels : 0), 0));
    const whole = new Int8Array(bytes, numbers.byteLength);
    let pitch = 3, channels = 3, read = 0, from = 0;
    const packed = layers.map((layer) => {
      if (layer.kind === "pool") return { ...layer, channels };
      const own = { ...layer, inputs: channels, pitch };
      const count = layer.channels * layer.kernel ** 2 * channels;
      own.weights = pack(own, whole.subarray(from, from + count), numbers.subarray(read, read + layer.channels), pitch);
      [channels, pitch] = [layer.channels, rounded(layer.channels, BLOCK)];
      own.biases = end;
      end += pitch;
      room(end);
      floats.fill(0, own.biases, end);
      floats.set(numbers.subarray(read + channels, read + 2 * channels), own.biases);
      from += count;
      read += 2 * channels;
      return own;
    });
    nets.set(name, { layers: packed, mean, deviation });
  };

  /** An image, `{ data, width, height }` with RGB bytes, as the map that a net's first layer takes. */
  const prepare = ({ data, width, height }, { mean, deviation }, at) => {
    room(at + width * height * 3);
    for (let i = 0; i < width * height * 3; i++) floats[at + i] = (data[i] - mean[i % 3]) / deviation[i % 3];
    return { at, width, height, channels: 3, pixel: 3, line: width * 3 };
  };

  /** A copy of a map at a place, with a border of zeros; `pooled` keeps the largest of each 2×2. */
  const copy = (map, at, border, pooled) => {
    const step = pooled ? 2 : 1, { pixel } = map;
    const width = Math.floor(map.width / step), height = Math.floor(map.height / step);
    const line = (width + 2 * border) * pixel;
    room(at + line * (height + 2 * border) + 2 * TILE * pixel);
    floats.fill(0, at, at + line * (height + 2 * border));
    for (let y = 0; y < height; y++) {
      const to = at + (y + border) * line + border * pixel, from = map.at + y * step * map.line;
      if (!pooled) {
        floats.copyWithin(to, from, from + width * pixel);
        continue;
      }
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < pixel; c++) {
          const i = from + 2 * x * pixel + c, j = i + map.line;
          floats[to + x * pixel + c] = Math.max(floats[i], floats[i + pixel], floats[j], floats[j + pixel]);
        }
      }
    }
    return { at, width, height, channels: map.channels, pixel, line };
  };

  /** A layer's output at a place, of an input that has its border. */
  const apply = (map, layer, at) => {
    const width = map.width + 2 * layer.padding - layer.kernel + 1, height = map.height + 2 * layer.padding - layer.kernel + 1;
    const pixel = rounded(layer.channels, BLOCK), tiles = Math.ceil(width / TILE), line = tiles * TILE * pixel;
    room(at + line * height);
    convolve(...[map.at, layer.weights, layer.biases, at].map((place) => place * 4), pixel / BLOCK, height, tiles,
      layer.kernel, layer.kernel * layer.pitch, map.pixel * 4, map.line * 4, pixel * 4, line * 4, layer.relu ? 0 : -Infinity);
    return { at, width, height, channels: layer.channels, pixel, line };
  };

  /** Room for the largest padded input of any layer of a net, in numbers. */
  const largestInput = (layers, { width, height }) => {
    let most = 0;
    for (const { kind, kernel: size, padding, pitch } of layers) {
      if (kind === "pool") {
        [width, height] = [width >> 1, height >> 1];
      } else {
        most = Math.max(most, (width + 2 * padding + 2 * TILE) * (height + 2 * padding + 1) * pitch);
        [width, height] = [width + 2 * padding - size + 1, height + 2 * padding - size + 1];
      }
    }
    return rounded(most, TILE);
  };

  /** What a net makes of an image, up to a layer or to its scores: `{ width, height, channels, data }`. */
  const run = (name, image, until) => {
    const net = nets.get(name);
    const inputs = rounded(end, TILE), outputs = inputs + largestInput(net.layers, image);
    let map = prepare(image, net, outputs), pooled = false;
    for (const layer of net.layers) {
      if (layer.kind === "pool") {
        pooled = true;
      } else {
        map = apply(copy(map, inputs, layer.padding, pooled), layer, outputs);
        pooled = false;
      }
      if (layer.name === until) break;
    }
    if (pooled) map = copy(map, inputs, 0, true);
    const { at, width, height, channels, pixel, line } = map;
    const data = new Float32Array(width * height * channels);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < channels; c++) data[i++] = floats[at + y * line + x * pixel + c];
      }
    }
    return { width, height, channels, data };
  };

  return { add, run, fast };
};
