// Warm up, stay, come down: schedulers of torch.optim in a row, and the rate of each epoch.
(() => {
  const {s, add, g, chart, path} = window.executedExplorers.kit;
  const FALLS = {
    ConstantLR: ({}, rest) => ({code: "ConstantLR(optimizer, factor=1.0)", at: (u, rate) => rate}),
    StepLR: ({every, gamma}) => ({code: `StepLR(optimizer, step_size=${every}, gamma=${gamma})`, at: (u, rate) => rate * gamma ** Math.floor(u / every)}),
    ExponentialLR: ({gamma}) => ({code: `ExponentialLR(optimizer, gamma=${gamma})`, at: (u, rate) => rate * gamma ** u}),
    PolynomialLR: ({power}, rest) => ({code: `PolynomialLR(optimizer, total_iters=${rest}, power=${power})`, at: (u, rate) => rate * (1 - Math.min(u, rest) / rest) ** power}),
    CosineAnnealingLR: ({floor}, rest) => ({code: `CosineAnnealingLR(optimizer, T_max=${rest}, eta_min=${floor})`, at: (u, rate) => floor + (rate - floor) * (1 + Math.cos(Math.PI * u / rest)) / 2}),
    CosineAnnealingWarmRestarts: ({every, grow, floor}) => ({code: `CosineAnnealingWarmRestarts(optimizer, T_0=${every}, T_mult=${grow}, eta_min=${floor})`, at: (u, rate) => {
      let length = every;
      while (u >= length) { u -= length; length *= grow; }
      return floor + (rate - floor) * (1 + Math.cos(Math.PI * u / length)) / 2;
    }}),
  };
  const parts = state => {
    const {epochs, warmup, start, hold, fall} = state;
    const rest = Math.max(1, epochs - warmup - hold);
    const found = [];
    if (warmup) found.push({length: warmup, name: "warm-up", code: `LinearLR(optimizer, start_factor=${start}, total_iters=${warmup})`, at: (u, rate) => rate * (start + (1 - start) * u / warmup)});
    if (hold) found.push({length: hold, name: "stay", code: `ConstantLR(optimizer, factor=1.0, total_iters=${hold})`, at: (u, rate) => rate});
    return [...found, {length: rest, name: fall, ...FALLS[fall](state, rest)}];
  };

  const model = state => {
    const {rate, epochs} = state, rates = [], pieces = parts(state);
    for (let epoch = 0; epoch < epochs; epoch++) {
      let u = epoch, i = 0;
      while (i < pieces.length - 1 && u >= pieces[i].length) u -= pieces[i++].length;
      rates.push(pieces[i].at(u, rate));
    }
    return {rates, at: Math.min(state.at, epochs - 1), limits: {at: epochs - 1}};
  };

  const view = (state, {rates, at}, width) => {
    const high = Math.max(...rates) * 1.08;
    const frame = chart({width, height: Math.min(260, Math.max(190, width * 0.4)), x: [0, Math.max(1, rates.length - 1)], y: [0, high], xLabel: "epoch", yLabel: "learning rate", top: 22});
    const {px, py, span} = frame;
    let begin = 0;
    const bands = parts(state).map(({length, name}, i, all) => {
      const from = begin, to = Math.min(i === all.length - 1 ? rates.length - 1 : begin + length, rates.length - 1);
      begin += length;
      if (from > rates.length - 1) return null;
      const wide = px(to) - px(from) > name.length * 6.4;
      return [from > 0 && s("line", {class: "axis", x1: px(from), x2: px(from), y1: span[3], y2: span[2], "stroke-dasharray": "3 3"}),
        wide && s("text", {class: "small quiet mid", x: (px(from) + px(to)) / 2, y: span[2] - 5}, name)];
    });
    add(frame.node, bands,
      s("path", {class: "line", d: path(rates.map((y, x) => [x, y]), frame), stroke: "var(--one)"}),
      s("line", {x1: px(at), x2: px(at), y1: py(rates[at]), y2: span[2], stroke: "var(--two)", "stroke-dasharray": "2 3"}),
      s("circle", {cx: px(at), cy: py(rates[at]), r: 5, fill: "var(--two)"}),
      s("text", {class: px(at) > width - 90 ? "strong end" : "strong", x: px(at) + (px(at) > width - 90 ? -8 : 8), y: Math.max(33, py(rates[at]) - 7)}, g(rates[at])),
      s("rect", {"data-drag": "at", x: span[0], y: span[3], width: span[1] - span[0], height: span[2] - span[3], fill: "transparent"}));
    return [frame.node];
  };
  const drag = (what, [x], by, tools) => {
    const left = 46, wide = tools.drawn - 10 - left, last = tools.state.epochs - 1;
    tools.set({at: Math.max(0, Math.min(last, Math.round((x - left) / wide * last)))});
  };
  const say = ({epochs}, {rates, at}) => `Epoch ${at} of ${epochs} trains with the rate ${g(rates[at])}. The highest rate is ${g(Math.max(...rates))}, the last ${g(rates.at(-1))}; on average it is ${g(rates.reduce((a, b) => a + b, 0) / rates.length)}.`;
  const code = (state, {at}) => {
    const pieces = parts(state), {rate, epochs, warmup, hold} = state;
    const milestones = [warmup, hold].filter(Boolean).reduce((all, one) => [...all, (all.at(-1) || 0) + one], []);
    return ["import torch", "from torch.optim import lr_scheduler as schedulers", "",
      `optimizer = torch.optim.SGD([torch.zeros(1)], lr=${rate})`,
      ...pieces.length === 1 ? [`scheduler = schedulers.${pieces[0].code}`]
        : ["scheduler = schedulers.SequentialLR(optimizer, [", ...pieces.map(one => `    schedulers.${one.code},`), `], milestones=[${milestones.join(", ")}])`],
      "rates = []", `for epoch in range(${epochs}):`, "    rates.append(scheduler.get_last_lr()[0])", "    optimizer.step()", "    scheduler.step()",
      `print(f"{rates[${at}]:.5g} {max(rates):.5g} {rates[-1]:.5g} {sum(rates) / len(rates):.5g}")`].join("\n");
  };
  const prints = (state, {rates, at}) => [[rates[at], Math.max(...rates), rates.at(-1), rates.reduce((a, b) => a + b, 0) / rates.length].map(one => g(one)).join(" ")];

  window.executedExplorers.define("schedule", {
    title: "Schedules: which rate when?",
    controls: /* controls */ [
      {"key": "fall", "label": "At the end", "kind": "choice", "double": true, "value": "CosineAnnealingLR", "options": ["ConstantLR", "StepLR", "ExponentialLR", "PolynomialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts"]},
      {"key": "rate", "label": "lr", "kind": "scale", "values": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1], "value": 0.1},
      {"key": "epochs", "label": "Epochs", "kind": "number", "min": 5, "max": 120, "value": 60},
      {"key": "warmup", "label": "Warm-up", "kind": "number", "min": 0, "max": 40, "value": 8},
      {"key": "start", "label": "Starts at a share of", "kind": "scale", "values": [0.01, 0.1, 0.25, 0.5], "value": 0.1},
      {"key": "hold", "label": "Stay", "kind": "number", "min": 0, "max": 40, "value": 0},
      {"key": "every", "label": "A step or a period", "kind": "number", "min": 1, "max": 40, "value": 15, "when": {"fall": ["StepLR", "CosineAnnealingWarmRestarts"]}},
      {"key": "grow", "label": "Next period times", "kind": "number", "min": 1, "max": 3, "value": 1, "when": {"fall": ["CosineAnnealingWarmRestarts"]}},
      {"key": "gamma", "label": "gamma", "kind": "scale", "values": [0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99], "value": 0.5, "when": {"fall": ["StepLR", "ExponentialLR"]}},
      {"key": "power", "label": "power", "kind": "number", "min": 0.5, "max": 4, "step": 0.5, "value": 1, "when": {"fall": ["PolynomialLR"]}},
      {"key": "floor", "label": "eta_min", "kind": "scale", "values": [0, 0.0001, 0.001, 0.01], "value": 0, "when": {"fall": ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]}},
      {"key": "at", "label": "Look at epoch", "kind": "number", "min": 0, "max": 119, "value": 20}
    ] /* end */,
    model, view, drag, say, code, prints,
  });
})();
