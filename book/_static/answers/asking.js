/* Bringing the nets, with progress, and asking them: in a worker, or in the page itself where a browser starts none. */
"use strict";

/** How to call the engine: a promise of `(call, arguments, what to hand over) => promise of what it gives`. */
answers.engineRoom = async () => {
  const source = `"use strict";
    const engine = (${answers.engine})(${JSON.stringify(answers.kernel)});
    onmessage = ({ data: { call, given, id } }) => {
      try { postMessage({ id, result: engine[call](...given) }); } catch (error) { postMessage({ id, error: String(error) }); }
    };
    postMessage({ ready: true });`;
  try {
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    await new Promise((resolve, reject) => Object.assign(worker, { onmessage: resolve, onerror: reject }));
    const waiting = new Map();
    let id = 0;
    worker.onmessage = ({ data }) => {
      const { resolve, reject } = waiting.get(data.id);
      waiting.delete(data.id);
      if (data.error) reject(new Error(data.error));
      else resolve(data.result);
    };
    return (call, given, handed = []) => new Promise((resolve, reject) => {
      waiting.set(++id, { resolve, reject });
      worker.postMessage({ call, given, id }, handed);
    });
  } catch {
    const engine = answers.engine(answers.kernel);
    return (call, given) => new Promise((resolve) => setTimeout(() => resolve(engine[call](...given))));
  }
};

/** What a script of weights calls when it has come. */
answers.arrived = (net, numbers) => {
  const text = atob(numbers), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  answers.bytes = { net, bytes: bytes.buffer };
};

/** A script of weights, with its progress in bytes where the page was served; from disk there is nothing to wait for. */
answers.weights = async (name, onProgress) => {
  const served = location.protocol.startsWith("http");
  if (!served) return answers.load(`nets/${name}.js`);
  const response = await fetch(new URL(`nets/${name}.js`, answers.base));
  if (!response.ok) throw new Error(`${response.url} did not load`);
  const pieces = [];
  for (let reader = response.body.getReader(), read = 0; ;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    onProgress((read += value.length));
  }
  const address = URL.createObjectURL(new Blob(pieces, { type: "text/javascript" }));
  await answers.load(address);
  URL.revokeObjectURL(address);
};

/** Brings every net that there is, once. */
answers.bring = () => {
  answers.brought ??= (async () => {
    const { nets } = answers.known;
    const size = (net) => (net.size * 4) / 3; // in base64
    const total = nets.reduce((sum, net) => sum + size(net), 0);
    const call = await answers.engineRoom();
    let before = 0;
    for (const net of nets) {
      answers.progress(before / total);
      await answers.weights(net.name, (read) => answers.progress((before + Math.min(read, size(net))) / total));
      const { net: layers, bytes } = answers.bytes;
      net.layers = layers.layers;
      await call("add", [layers, bytes], [bytes]);
      delete answers.bytes;
      before += size(net);
    }
    answers.progress(1);
    answers.call = call;
  })();
  answers.brought.catch(() => delete answers.brought); // the next photograph tries again
  return answers.brought;
};

/** What a net makes of an image, up to a layer or to its scores: `{ width, height, channels, data }`. */
answers.ask = (net, { data, width, height }, until) => answers.call("run", [net.name, { data, width, height }, until]);

answers.softmax = (scores) => {
  const most = Math.max(...scores), powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
};

/** The scores of each place of a map, and their mean over all places. */
answers.places = ({ data, channels }) =>
  Array.from({ length: data.length / channels }, (_, i) => [...data.subarray(i * channels, (i + 1) * channels)]);
answers.mean = (rows) => rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);

/** As the nets were tested (§3.2): densely at scale Q, posteriors averaged with the mirror image's. */
answers.answer = async (ask, net, photo, q = net.q) => {
  const image = answers.rescale(photo, q), ways = [];
  for (const view of [image, answers.mirror(image)]) ways.push(answers.mean(answers.places(await ask(net, view))));
  const posteriors = answers.mean(ways.map(answers.softmax));
  return { posteriors, best: answers.best(posteriors), highest: Math.max(...answers.mean(ways)) };
};

answers.best = (values) => values.indexOf(Math.max(...values));
