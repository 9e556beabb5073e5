// Two optimizers on one surface, step by step as torch.optim computes them, in float64.
(() => {
  const {h, s, add, g, chart, path, contours} = window.executedExplorers.kit;
  const SURFACES = {
    ravine: {code: "(x**2 + 20 * y**2) / 2", f: (x, y) => (x ** 2 + 20 * y ** 2) / 2, slope: (x, y) => [x, 20 * y]},
    Rosenbrock: {code: "(1 - x)**2 + 100 * (y - x**2)**2", f: (x, y) => (1 - x) ** 2 + 100 * (y - x ** 2) ** 2, slope: (x, y) => [-2 * (1 - x) - 400 * x * (y - x ** 2), 200 * (y - x ** 2)]},
    Himmelblau: {code: "(x**2 + y - 11)**2 + (x + y**2 - 7)**2", f: (x, y) => (x ** 2 + y - 11) ** 2 + (x + y ** 2 - 7) ** 2,
      slope: (x, y) => [4 * x * (x ** 2 + y - 11) + 2 * (x + y ** 2 - 7), 2 * (x ** 2 + y - 11) + 4 * y * (x + y ** 2 - 7)]},
    saddle: {code: "x**2 / 2 - y**2 + y**4 / 8", f: (x, y) => x ** 2 / 2 - y ** 2 + y ** 4 / 8, slope: (x, y) => [x, y ** 3 / 2 - 2 * y]},
  };
  // Each returns a step: from a coordinate's gradient and memory to what is taken from it.
  const OPTIMIZERS = {
    SGD: {code: (lr, m) => `SGD([p], lr=${lr}, momentum=${m})`, step: (p, d, one, t, lr, m) => {
      one.buffer = m && t > 1 ? m * one.buffer + d : d;
      return p - lr * one.buffer;
    }},
    Nesterov: {code: (lr, m) => `SGD([p], lr=${lr}, momentum=${m}, nesterov=True)`, step: (p, d, one, t, lr, m) => {
      one.buffer = t > 1 ? m * one.buffer + d : d;
      return p - lr * (d + m * one.buffer);
    }},
    Adagrad: {code: lr => `Adagrad([p], lr=${lr})`, step: (p, d, one, t, lr) => {
      one.sum = (one.sum || 0) + d * d;
      return p - lr * (d / (Math.sqrt(one.sum) + 1e-10));
    }},
    RMSprop: {code: lr => `RMSprop([p], lr=${lr})`, step: (p, d, one, t, lr) => {
      one.square = (one.square || 0) * 0.99 + 0.01 * d * d;
      return p - lr * (d / (Math.sqrt(one.square) + 1e-8));
    }},
    Adam: {code: (lr, m) => `Adam([p], lr=${lr}, betas=(${m || "0.0"}, 0.999))`, step: (p, d, one, t, lr, m) => {
      one.mean = (one.mean || 0) + (1 - m) * (d - (one.mean || 0));
      one.square = (one.square || 0) * 0.999 + 0.001 * d * d;
      return p - lr / (1 - m ** t) * (one.mean / (Math.sqrt(one.square) / Math.sqrt(1 - 0.999 ** t) + 1e-8));
    }},
    AdamW: {code: (lr, m) => `AdamW([p], lr=${lr}, betas=(${m || "0.0"}, 0.999), weight_decay=0.1)`, step: (p, d, one, t, lr, m) => OPTIMIZERS.Adam.step(p * (1 - lr * 0.1), d, one, t, lr, m)},
  };
  const run = (surface, name, lr, m, start, steps) => {
    const {f, slope} = SURFACES[surface], memory = [{}, {}];
    let p = start;
    const points = [p], losses = [f(...p)];
    for (let t = 1; t <= steps; t++) {
      const d = slope(...p);
      p = p.map((one, i) => OPTIMIZERS[name].step(one, d[i], memory[i], t, lr, m));
      points.push(p);
      losses.push(f(...p));
    }
    return {name, lr, points, losses};
  };
  const model = ({surface, first, rate, second, rate2, momentum, x, y, steps}) => {
    if (momentum === 0 && (first === "Nesterov" || second === "Nesterov")) return {runs: [], error: "ValueError: Nesterov momentum requires a momentum and zero dampening"};
    const runs = [run(surface, first, rate, momentum, [x, y], steps)];
    if (second !== "nothing") runs.push(run(surface, second, rate2, momentum, [x, y], steps));
    return {runs};
  };

  const COLOURS = ["var(--one)", "var(--two)"], SIDE = [-4.5, 4.5];
  const isThere = ([x, y]) => Math.abs(x) < 60 && Math.abs(y) < 60;
  let levels = {};
  const view = ({surface, x, y}, {runs}, width) => {
    const {f} = SURFACES[surface], wide = width >= 560, side = wide ? Math.min(380, width * 0.55) : width;
    const frame = chart({width: side, height: Math.min(side, 360), x: SIDE, y: SIDE, xLabel: "x", yLabel: "y", left: 30});
    if (!levels[surface]) {
      const sample = Array.from({length: 441}, (_, i) => f(-4.5 + i % 21 * 0.45, -4.5 + Math.floor(i / 21) * 0.45)).sort((a, b) => a - b);
      levels[surface] = [0.005, 0.03, 0.09, 0.18, 0.3, 0.45, 0.62, 0.8, 0.93].map(share => sample[Math.floor(share * 440)]);
    }
    const {px, py, span} = frame;
    add(frame.node, s("clipPath", {id: "ground"}, s("rect", {x: span[0], y: span[3], width: span[1] - span[0], height: span[2] - span[3]})),
      s("g", {"clip-path": "url(#ground)"}, contours(f, frame, SIDE, SIDE, levels[surface]),
        runs.map(({points}, i) => {
          const shown = points.slice(0, points.findIndex(p => !isThere(p)) + 1 || undefined);
          return [s("path", {class: "line", d: path(shown.filter(isThere), frame), stroke: COLOURS[i], "stroke-width": 1.6}),
            shown.filter(isThere).map(p => s("circle", {cx: px(p[0]), cy: py(p[1]), r: 1.9, fill: COLOURS[i]})),
            isThere(points.at(-1)) && s("circle", {cx: px(points.at(-1)[0]), cy: py(points.at(-1)[1]), r: 5, fill: COLOURS[i]})];
        })),
      s("rect", {"data-drag": "start", x: span[0], y: span[3], width: span[1] - span[0], height: span[2] - span[3], fill: "transparent"}),
      s("circle", {"data-drag": "start", cx: px(x), cy: py(y), r: 7, fill: "var(--ground)", stroke: "currentColor", "stroke-width": 2}));
    // Losses, from the lowest value that the surface has.
    const floor = surface === "saddle" ? -2 : 0, curve = run_ => run_.losses.map((one, t) => [t, Math.min(1e6, Math.max(1e-9, one - floor))]).filter(([, one]) => Number.isFinite(one));
    const every = runs.flatMap(one => curve(one).map(([, value]) => value));
    const graph = runs.length && chart({width: wide ? width - side - 20 : width, height: wide ? Math.min(side, 360) : 190, x: [0, Math.max(1, runs[0].losses.length - 1)],
      y: [Math.max(1e-9, Math.min(...every) / 2), Math.max(...every) * 2], log: true, xLabel: "step", yLabel: surface === "saddle" ? "value + 2" : "value", left: 48});
    if (graph) {
      runs.forEach((one, i) => add(graph.node, s("path", {class: "line", d: path(curve(one), graph), stroke: COLOURS[i]}),
        s("line", {x1: graph.span[1] - 98, x2: graph.span[1] - 82, y1: 10 + 15 * i, y2: 10 + 15 * i, stroke: COLOURS[i], "stroke-width": 3}),
        s("text", {class: "small", x: graph.span[1] - 78, y: 14 + 15 * i}, one.name)));
    }
    return [h("div", {style: "display:flex;flex-wrap:wrap;gap:0.4rem 1rem"}, frame.node, graph && graph.node)];
  };
  const drag = (what, [px, py], by, tools) => {
    const box = tools.figure.querySelector("svg"), width = Number(box.getAttribute("width")), height = Number(box.getAttribute("height"));
    const grid = value => Number(Math.max(-4, Math.min(4, Math.round(value * 10) / 10)).toFixed(1));
    tools.set({x: grid(-4.5 + (px - 30) / (width - 40) * 9), y: grid(4.5 - (py - 16) / (height - 50) * 9)});
  };
  const say = ({surface, steps}, {runs}) => runs.map(({name, lr, points, losses}) => {
    const away = points.findIndex(p => !isThere(p));
    return away >= 0 ? `${name} at ${lr} has left the picture at step ${away}.` : `${name} at ${lr} is at (${points.at(-1).map(one => g(one, 4)).join(", ")}) after ${steps} steps, with the value ${g(losses.at(-1), 4)}.`;
  }).join(" ");
  const code = ({surface, first, rate, second, rate2, momentum, x, y, steps}) => ["import torch", "",
    "def surface(x, y):", `    return ${SURFACES[surface].code}`, "",
    "def run(make):", `    p = torch.tensor([${x.toFixed(1)}, ${y.toFixed(1)}], dtype=torch.float64, requires_grad=True)`,
    "    optimizer = make(p)", `    for _ in range(${steps}):`, "        optimizer.zero_grad()", "        surface(*p).backward()", "        optimizer.step()",
    '    print(f"{p[0]:.5g} {p[1]:.5g} {surface(*p):.5g}")', "",
    `run(lambda p: torch.optim.${OPTIMIZERS[first].code(rate, momentum)})`,
    ...second === "nothing" ? [] : [`run(lambda p: torch.optim.${OPTIMIZERS[second].code(rate2, momentum)})`]].join("\n");
  const prints = (state, {runs}) => runs.map(({points, losses}) => [...points.at(-1), losses.at(-1)].map(one => g(one)).join(" "));

  window.executedExplorers.define("race", {
    title: "Race: two optimizers on one surface",
    controls: /* controls */ [
      {"key": "surface", "label": "Surface", "kind": "choice", "value": "ravine", "options": ["ravine", "Rosenbrock", "Himmelblau", "saddle"]},
      {"key": "first", "label": "Optimizer", "kind": "choice", "value": "SGD", "options": ["SGD", "Nesterov", "Adagrad", "RMSprop", "Adam", "AdamW"]},
      {"key": "rate", "label": "lr", "kind": "scale", "values": [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.05, 0.08, 0.1, 0.12, 0.3, 1], "value": 0.05},
      {"key": "second", "label": "Another", "kind": "choice", "value": "Adam", "options": ["nothing", "SGD", "Nesterov", "Adagrad", "RMSprop", "Adam", "AdamW"]},
      {"key": "rate2", "label": "lr of the other", "kind": "scale", "values": [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.05, 0.08, 0.1, 0.12, 0.3, 1], "value": 0.3},
      {"key": "momentum", "label": "momentum, beta1", "kind": "scale", "values": [0, 0.5, 0.8, 0.9, 0.95, 0.99], "value": 0.9},
      {"key": "x", "label": "Start x", "kind": "number", "min": -4, "max": 4, "step": 0.1, "value": -4},
      {"key": "y", "label": "Start y", "kind": "number", "min": -4, "max": 4, "step": 0.1, "value": 1.5},
      {"key": "steps", "label": "Steps", "kind": "number", "min": 1, "max": 100, "value": 60}
    ] /* end */,
    play: "steps", pace: 120, model, view, drag, say, code, prints,
  });
})();
