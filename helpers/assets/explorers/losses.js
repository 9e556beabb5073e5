// One prediction under one loss: its value, its slope, and what a step against the slope does.
(() => {
  const {h, s, add, g, list, chart, path, tint} = window.executedExplorers.kit;
  const sum = values => values.reduce((a, b) => a + b, 0);
  const sigmoid = x => 1 / (1 + Math.exp(-x));
  // Value and slope at a prediction.
  const LOSSES = {
    MSELoss: {code: () => "nn.MSELoss()", at: (p, t) => [(p - t) ** 2, 2 * (p - t)]},
    L1Loss: {code: () => "nn.L1Loss()", at: (p, t) => [Math.abs(p - t), Math.sign(p - t)]},
    SmoothL1Loss: {code: beta => `nn.SmoothL1Loss(beta=${beta})`, at: (p, t, beta) => Math.abs(p - t) < beta ? [(p - t) ** 2 / (2 * beta), (p - t) / beta] : [Math.abs(p - t) - beta / 2, Math.sign(p - t)]},
    HuberLoss: {code: beta => `nn.HuberLoss(delta=${beta})`, at: (p, t, beta) => Math.abs(p - t) <= beta ? [(p - t) ** 2 / 2, p - t] : [beta * (Math.abs(p - t) - beta / 2), beta * Math.sign(p - t)]},
    BCEWithLogitsLoss: {code: () => "nn.BCEWithLogitsLoss()", at: (p, t) => [Math.max(p, 0) - p * t + Math.log1p(Math.exp(-Math.abs(p))), sigmoid(p) - t]},
  };
  const round = x => Number(x.toFixed(9));

  const cross = (logits, {label, temperature, smoothing, weight, reduction}) => {
    const scaled = logits.map(one => one / temperature), top = Math.max(...scaled);
    const norm = top + Math.log(sum(scaled.map(one => Math.exp(one - top))));
    const logs = scaled.map(one => one - norm), p = logs.map(Math.exp), weights = [weight, 1, 1];
    // The share of each class in the loss; "mean" divides by the weight of the label.
    const over = reduction === "mean" ? weights[label] : 1;
    const shares = weights.map((w, c) => w * ((c === label ? 1 - smoothing : 0) + smoothing / 3) / over);
    return {loss: -sum(shares.map((share, c) => share * logs[c])), slopes: p.map((one, c) => (one * sum(shares) - shares[c]) / temperature), p};
  };
  const model = state => {
    const {loss, prediction, target, share, beta, rate} = state;
    if (loss === "CrossEntropyLoss") {
      const logits = [state.logit0, state.logit1, state.logit2], now = cross(logits, state);
      const next = logits.map((one, c) => one - rate * now.slopes[c]), after = cross(next, state);
      return {logits, ...now, next, after: after.loss, p2: after.p};
    }
    const goal = loss === "BCEWithLogitsLoss" ? share : target, f = p => LOSSES[loss].at(p, goal, beta);
    const difference = round(prediction - goal);  // a decimal's dust is no distance
    const [value, slope] = loss === "BCEWithLogitsLoss" ? f(prediction) : LOSSES[loss].at(difference, 0, beta);
    const next = prediction - rate * slope;
    return {goal, loss: value, slope, next, after: f(next)[0]};
  };

  const view = (state, result, width) => {
    if (state.loss === "CrossEntropyLoss") return bars(state, result, width);
    const {prediction} = state, {goal, loss, slope, next, after} = result, x = [-5, 5];
    const f = p => LOSSES[state.loss].at(p, goal, state.beta)[0], points = Array.from({length: 201}, (_, i) => [-5 + i / 20, f(-5 + i / 20)]);
    const high = Math.max(1, Math.min(12, 1.4 * Math.max(loss, after, f(-3), f(3))));
    const frame = chart({width, height: Math.min(280, Math.max(210, width * 0.45)), x, y: [0, high], xLabel: state.loss === "BCEWithLogitsLoss" ? "logit" : "prediction", yLabel: "loss", left: 34});
    const {px, py, span} = frame, reach = Math.min(1.6, high / Math.max(0.3, Math.abs(slope)) / 3), inside = Math.abs(next) <= 5 && after <= high;
    add(frame.node, s("clipPath", {id: "inside"}, s("rect", {x: span[0], y: span[3], width: span[1] - span[0], height: span[2] - span[3] + 8})),
      s("g", {"clip-path": "url(#inside)"}, s("path", {class: "line", d: path(points, frame), stroke: "var(--two)"}),
        s("line", {x1: px(prediction - reach), y1: py(loss - reach * slope), x2: px(prediction + reach), y2: py(loss + reach * slope), stroke: "var(--one)", "stroke-width": 2, "stroke-dasharray": "5 4"})),
      state.loss !== "BCEWithLogitsLoss" && [s("line", {class: "axis", x1: px(goal), x2: px(goal), y1: span[3], y2: span[2], "stroke-dasharray": "2 3"}), s("text", {class: "small mid quiet", x: px(goal), y: span[3] - 4}, "target")],
      inside && s("path", {d: `M${px(prediction)},${py(loss)}L${px(next)},${py(after)}`, stroke: "var(--three)", "stroke-width": 2, fill: "none"}),
      inside && s("circle", {cx: px(next), cy: py(after), r: 5, fill: "var(--three)"}),
      s("circle", {cx: px(prediction), cy: py(Math.min(loss, high)), r: 6, fill: "var(--one)"}),
      s("rect", {"data-drag": "prediction", x: span[0], y: span[3], width: span[1] - span[0], height: span[2] - span[3], fill: "transparent"}));
    return [frame.node];
  };
  const drag = (what, [x], by, tools) => {
    const wide = tools.drawn - 10 - 34;
    tools.set({prediction: Number(Math.max(-4, Math.min(4, Math.round((-5 + (x - 34) / wide * 10) * 10) / 10)).toFixed(1))});
  };
  const bars = ({label, smoothing}, {p, p2, logits, slopes, next}, width) => {
    const left = 62, wide = Math.min(360, width - left - 56), row = 46;
    return [s("svg", {width, height: 3 * row + 22, viewBox: `0 0 ${width} ${3 * row + 22}`},
      [0, 1, 2].map(c => {
        const y = 6 + c * row, goal = (c === label ? 1 - smoothing : 0) + smoothing / 3;
        return [s("text", {x: 0, y: y + 21, class: c === label ? "strong" : ""}, `class ${c}${c === label ? " ✓" : ""}`),
          s("rect", {x: left, y, width: wide, height: 32, fill: "none", stroke: "var(--rule)"}),
          s("rect", {x: left, y: y + 1, width: Math.max(1, p[c] * wide), height: 15, fill: "var(--one)"}),
          s("rect", {x: left, y: y + 16, width: Math.max(1, p2[c] * wide), height: 15, fill: "var(--three)"}),
          s("line", {x1: left + goal * wide, x2: left + goal * wide, y1: y - 3, y2: y + 35, stroke: "currentColor", "stroke-width": 2}),
          s("text", {x: left + wide + 6, y: y + 21}, g(p[c], 3))];
      }),
      s("text", {class: "small quiet", x: left, y: 3 * row + 17}, "probability: now, after the step; line: target")),
    h("table", {}, h("tr", {}, ["", "logit", "slope", "after the step"].map(one => h("th", {scope: "col"}, one))),
      [0, 1, 2].map(c => h("tr", {}, h("th", {scope: "row"}, `class ${c}`), [logits[c], slopes[c], next[c]].map(one => h("td", {}, g(one, 4))))))];
  };
  const say = (state, result) => {
    const {loss, rate, reduction, weight, smoothing} = state;
    if (loss === "CrossEntropyLoss") {
      const note = weight === 1 ? "" : reduction === "mean" ? smoothing ? " The mean divides by the weight of the label's class, so with a single example the weight acts through the smoothing alone." : " The mean divides by the weight of the label's class: with a single example the weight cancels." : "";
      return `The loss is ${g(result.loss, 4)}, the probability of the label ${g(result.p[state.label], 4)}. After a step with the rate ${rate} the loss is ${g(result.after, 4)}.${note}`;
    }
    const worse = result.after > result.loss ? " The step was too long: the loss has grown." : "";
    return `The loss is ${g(result.loss, 4)}, its slope ${g(result.slope, 4)}. A step with the rate ${rate} takes ${loss === "BCEWithLogitsLoss" ? "the logit" : "the prediction"} to ${g(result.next, 4)}, where the loss is ${g(result.after, 4)}.${worse}`;
  };
  const code = state => {
    const {loss, rate, beta} = state, many = loss === "CrossEntropyLoss", decimal = x => x.toFixed(1);
    return ["import torch", "from torch import nn", "",
      ...many ? [`z = torch.tensor([${[state.logit0, state.logit1, state.logit2].map(decimal).join(", ")}], requires_grad=True)`,
        `target = torch.tensor(${state.label})`, `criterion = nn.CrossEntropyLoss(weight=torch.tensor([${decimal(state.weight)}, 1.0, 1.0]),`,
        `                                label_smoothing=${state.smoothing}, reduction="${state.reduction}")`, `loss = criterion(z / ${state.temperature}, target)`]
        : [`z = torch.tensor(${decimal(state.prediction)}, requires_grad=True)`, `target = torch.tensor(${loss === "BCEWithLogitsLoss" ? state.share.toFixed(2) : decimal(state.target)})`,
          `criterion = ${LOSSES[loss].code(beta)}`, "loss = criterion(z, target)"],
      "loss.backward()", "with torch.no_grad():", `    after = z - ${rate} * z.grad`,
      ...many ? [`    p = (z / ${state.temperature}).softmax(0)`, 'print(f"{loss.item():.4f}")', "for values in (p, z.grad, after):", '    print(" ".join(f"{x:.4f}" for x in values.tolist()))', `print(f"{criterion(after / ${state.temperature}, target).item():.4f}")`]
        : ['print(f"{loss.item():.4f} {z.grad.item():.4f} {after.item():.4f}")', 'print(f"{criterion(after, target).item():.4f}")']].join("\n");
  };
  const fixed = x => x.toFixed(4);
  const prints = ({loss}, result) => loss === "CrossEntropyLoss" ? [fixed(result.loss), ...[result.p, result.slopes, result.next].map(row => row.map(fixed).join(" ")), fixed(result.after)]
    : [[result.loss, result.slope, result.next].map(fixed).join(" "), fixed(result.after)];

  window.executedExplorers.define("losses", {
    title: "Losses: value, slope, step",
    controls: /* controls */ [
      {"key": "loss", "label": "Loss", "kind": "choice", "double": true, "value": "SmoothL1Loss", "options": ["MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss", "CrossEntropyLoss"]},
      {"key": "prediction", "label": "Prediction, or logit", "kind": "number", "min": -4, "max": 4, "step": 0.1, "value": 2.5, "when": {"loss": ["MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss"]}},
      {"key": "target", "label": "Target", "kind": "number", "min": -4, "max": 4, "step": 0.1, "value": 0.5, "when": {"loss": ["MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"]}},
      {"key": "share", "label": "Target", "kind": "number", "min": 0, "max": 1, "step": 0.05, "value": 1, "when": {"loss": ["BCEWithLogitsLoss"]}},
      {"key": "beta", "label": "beta, or delta", "kind": "number", "min": 0.1, "max": 3, "step": 0.1, "value": 1, "when": {"loss": ["SmoothL1Loss", "HuberLoss"]}},
      {"key": "logit0", "label": "Logit of class 0", "kind": "number", "min": -4, "max": 4, "step": 0.1, "value": 2, "when": {"loss": ["CrossEntropyLoss"]}},
      {"key": "logit1", "label": "Logit of class 1", "kind": "number", "min": -4, "max": 4, "step": 0.1, "value": 1, "when": {"loss": ["CrossEntropyLoss"]}},
      {"key": "logit2", "label": "Logit of class 2", "kind": "number", "min": -4, "max": 4, "step": 0.1, "value": -1, "when": {"loss": ["CrossEntropyLoss"]}},
      {"key": "label", "label": "Label", "kind": "number", "min": 0, "max": 2, "value": 1, "when": {"loss": ["CrossEntropyLoss"]}},
      {"key": "temperature", "label": "Temperature", "kind": "number", "min": 0.25, "max": 4, "step": 0.25, "value": 1, "when": {"loss": ["CrossEntropyLoss"]}},
      {"key": "smoothing", "label": "Label smoothing", "kind": "number", "min": 0, "max": 0.5, "step": 0.05, "value": 0, "when": {"loss": ["CrossEntropyLoss"]}},
      {"key": "weight", "label": "Weight of class 0", "kind": "number", "min": 0.5, "max": 5, "step": 0.5, "value": 1, "when": {"loss": ["CrossEntropyLoss"]}},
      {"key": "reduction", "label": "Reduction", "kind": "choice", "value": "mean", "options": ["mean", "sum"], "when": {"loss": ["CrossEntropyLoss"]}},
      {"key": "rate", "label": "Rate of the step", "kind": "number", "min": 0, "max": 3, "step": 0.1, "value": 0.5}
    ] /* end */,
    model, view, drag, say, code, prints,
  });
})();
