// The size of a signal, layer by layer, forward and back; drawn with PyTorch's own random numbers.
(() => {
  const {s, add, g, chart, path} = window.executedExplorers.kit;
  const WIDTH = 64, BATCH = 32;
  // The Mersenne Twister, and torch.randn on a CPU: pairs of uniform numbers, eight apart.
  const generator = seed => {
    const state = new Uint32Array(624);
    let next = 624;
    state[0] = seed;
    for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    return () => {
      if (next === 624) {
        for (let i = 0; i < 624; i++) {
          const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
          state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
        }
        next = 0;
      }
      let y = state[next++];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      return (y ^ (y >>> 18)) >>> 0;
    };
  };
  const randn = (random, count) => {
    const found = Float64Array.from({length: count}, () => (random() & 0xffffff) / 0x1000000);
    for (let i = 0; i < count; i += 16) for (let j = i; j < i + 8; j++) {
      const radius = Math.sqrt(-2 * Math.log(1 - found[j])), angle = 2 * Math.PI * found[j + 8];
      found[j] = Math.fround(radius * Math.cos(angle));
      found[j + 8] = Math.fround(radius * Math.sin(angle));
    }
    return found;
  };
  const drawn = {};
  const draws = (seed, depth) => {
    if (drawn.seed !== seed || drawn.depth !== depth) {
      const random = generator(seed), draw = count => randn(random, count);
      Object.assign(drawn, {seed, depth, x: draw(BATCH * WIDTH), layers: Array.from({length: depth}, () => [draw(WIDTH * WIDTH), draw(WIDTH)]), last: draw(BATCH * WIDTH)});
    }
    return drawn;
  };
  const sigmoid = x => 1 / (1 + Math.exp(-x));
  const ACTIVATIONS = {
    identity: {code: "", f: x => x, slope: () => 1},
    relu: {code: "torch.relu", f: x => Math.max(x, 0), slope: x => x > 0 ? 1 : 0},
    tanh: {code: "torch.tanh", f: Math.tanh, slope: (x, y) => 1 - y * y},
    sigmoid: {code: "torch.sigmoid", f: sigmoid, slope: (x, y) => y * (1 - y)},
    silu: {code: "torch.nn.functional.silu", f: x => x * sigmoid(x), slope: (x, y) => sigmoid(x) * (1 + x * (1 - sigmoid(x)))},
  };
  const std = values => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1));
  };
  const model = ({depth, gain, activation, bias, seed}) => {
    const {x, layers, last} = draws(seed, depth), {f, slope} = ACTIVATIONS[activation], scale = gain / 8;
    const signals = [x], slopes = [];
    for (const [w, b] of layers) {
      const from = signals.at(-1), to = new Float64Array(BATCH * WIDTH), local = new Float64Array(BATCH * WIDTH);
      for (let n = 0; n < BATCH; n++) {
        const row = to.subarray(n * WIDTH, (n + 1) * WIDTH);
        for (let i = 0; i < WIDTH; i++) {
          const value = from[n * WIDTH + i] * scale, at = i * WIDTH;
          if (value) for (let j = 0; j < WIDTH; j++) row[j] += value * w[at + j];
        }
        for (let j = 0; j < WIDTH; j++) {
          const input = row[j] + bias * b[j];
          row[j] = f(input);
          local[n * WIDTH + j] = slope(input, row[j]);
        }
      }
      signals.push(to);
      slopes.push(local);
    }
    const gradients = [last];
    for (let d = depth - 1; d >= 0; d--) {
      const from = gradients[0], to = new Float64Array(BATCH * WIDTH), w = layers[d][0], inner = from.map((one, i) => one * slopes[d][i] * scale);
      for (let n = 0; n < BATCH; n++) for (let i = 0; i < WIDTH; i++) {
        let total = 0;
        for (let j = 0, at = i * WIDTH, row = n * WIDTH; j < WIDTH; j++) total += inner[row + j] * w[at + j];
        to[n * WIDTH + i] = total;
      }
      gradients.unshift(to);
    }
    return {forward: signals.map(std), back: gradients.map(std)};
  };

  const view = (state, {forward, back}, width) => {
    const every = [...forward, ...back].filter(one => one > 1e-12), low = Math.min(0.1, ...every), high = Math.max(10, ...every);
    const frame = chart({width, height: Math.min(300, Math.max(220, width * 0.45)), x: [0, forward.length - 1], y: [low / 1.5, high * 1.5], log: true, xLabel: "layer", yLabel: "standard deviation", left: 54, top: 24});
    const curve = values => values.map((one, i) => [i, Math.max(one, low / 1.5)]);
    add(frame.node, s("line", {class: "axis", x1: frame.span[0], x2: frame.span[1], y1: frame.py(1), y2: frame.py(1), "stroke-dasharray": "4 4", stroke: "currentColor"}),
      [[forward, "one"], [back, "two"]].map(([values, colour]) => [s("path", {class: "line", d: path(curve(values), frame), stroke: `var(--${colour})`}),
        curve(values).map(([x, y]) => s("circle", {cx: frame.px(x), cy: frame.py(y), r: 2.4, fill: `var(--${colour})`}))]),
      ["signal", "gradient"].map((name, i) => [s("line", {x1: width - 164 + 80 * i, x2: width - 148 + 80 * i, y1: 8, y2: 8, stroke: `var(--${["one", "two"][i]})`, "stroke-width": 3}), s("text", {class: "small", x: width - 143 + 80 * i, y: 12}, name)]));
    return [frame.node];
  };
  const say = ({depth}, {forward, back}) => {
    const ratio = forward.at(-1) / forward[0];
    return `Forward, the signal goes from ${g(forward[0], 3)} to ${g(forward.at(-1), 3)} in ${depth} layers${depth > 1 && ratio > 0 ? `, by a factor of ${g(ratio ** (1 / depth), 3)} per layer` : ""}. Back, the gradient goes from ${g(back.at(-1), 3)} to ${g(back[0], 3)}.`;
  };
  const code = ({depth, gain, activation, bias, seed}) => ["import torch", "", `torch.manual_seed(${seed})`, "def draw(*shape):", "    return torch.randn(*shape).double()", "",
    "signals = [draw(32, 64).requires_grad_()]", `for _ in range(${depth}):`, "    weight, bias = draw(64, 64), draw(64)",
    `    signals.append(${ACTIVATIONS[activation].code}(signals[-1] @ (${gain} / 8 * weight) + ${bias} * bias))`,
    "gradients = torch.autograd.grad(signals[-1], signals, draw(32, 64))", "for tensors in (signals, gradients):", '    print(" ".join(f"{x.std():.3g}" for x in tensors))'].join("\n");
  const prints = (state, {forward, back}) => [forward, back].map(row => row.map(one => g(one, 3)).join(" "));

  window.executedExplorers.define("signal", {
    title: "Signal: does it survive the layers?",
    controls: /* controls */ [
      {"key": "activation", "label": "Activation", "kind": "choice", "value": "tanh", "options": ["identity", "relu", "tanh", "sigmoid", "silu"]},
      {"key": "gain", "label": "Gain of the weights", "kind": "number", "min": 0.5, "max": 3, "step": 0.1, "value": 1},
      {"key": "depth", "label": "Layers", "kind": "number", "min": 1, "max": 30, "value": 20},
      {"key": "bias", "label": "Size of the biases", "kind": "scale", "values": [0, 0.1, 0.3, 1], "value": 0},
      {"key": "seed", "label": "Seed", "kind": "number", "min": 0, "max": 9, "value": 0}
    ] /* end */,
    model, view, say, code, prints,
  });
})();
