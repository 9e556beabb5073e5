// A line through points: gradient descent on the mean squared error, and least squares beside it.
(() => {
  const {h, s, add, g, chart, path, contours} = window.executedExplorers.kit;
  const mean = values => values.reduce((a, b) => a + b, 0) / values.length;
  const risk = (points, w, b) => mean(points.map(([x, y]) => (w * x + b - y) ** 2));
  const model = ({points, rate, steps, w0, b0}) => {
    let [w, b] = [w0, b0];
    const way = [[w, b]], losses = [risk(points, w, b)];
    for (let t = 0; t < steps; t++) {
      const rest = points.map(([x, y]) => 2 * (w * x + b - y));
      [w, b] = [w - rate * mean(rest.map((one, i) => one * points[i][0])), b - rate * mean(rest)];
      way.push([w, b]);
      losses.push(risk(points, w, b));
    }
    const xs = points.map(one => one[0]), ys = points.map(one => one[1]), [mx, my] = [mean(xs), mean(ys)];
    const spread = mean(xs.map(x => (x - mx) ** 2));
    // All points above each other: of the many best lines, the one with the smallest numbers.
    const best = spread > 1e-12 ? (slope => [slope, my - slope * mx])(mean(points.map(([x, y]) => (x - mx) * (y - my))) / spread)
      : [my * mx / (mx * mx + 1), my / (mx * mx + 1)];
    // Beyond a rate of 2 over the largest curvature, steps grow.
    const [p, q, r] = [2 * mean(xs.map(x => x * x)), 2 * mx, 2], largest = (p + r) / 2 + Math.sqrt(((p - r) / 2) ** 2 + q * q);
    return {way, losses, best, bestLoss: risk(points, ...best), limit: 2 / largest};
  };

  const SIDE = [-3.5, 3.5], WB = [-4, 4];
  const shape = width => width >= 560 ? {side: (width - 20) / 2, height: 310} : {side: width, height: 260};
  const isThere = ([w, b]) => Math.abs(w) < 40 && Math.abs(b) < 40;
  const view = ({points, w0, b0}, {way, best}, width) => {
    const {side, height} = shape(width), clip = (id, frame) => s("clipPath", {id}, s("rect", {x: frame.span[0], y: frame.span[3], width: frame.span[1] - frame.span[0], height: frame.span[2] - frame.span[3]}));
    const data = chart({width: side, height, x: SIDE, y: SIDE, xLabel: "x", yLabel: "y", left: 28});
    const through = ([w, b]) => path(SIDE.map(x => [x, w * x + b]), data), last = way.at(-1);
    add(data.node, clip("data", data), s("g", {"clip-path": "url(#data)"},
      s("path", {class: "line", d: through(best), stroke: "var(--two)", "stroke-dasharray": "7 5"}),
      isThere(last) && s("path", {class: "line", d: through(last), stroke: "var(--one)"}),
      isThere(last) && points.map(([x, y]) => s("line", {x1: data.px(x), x2: data.px(x), y1: data.py(y), y2: data.py(last[0] * x + last[1]), stroke: "var(--rule)"}))),
    points.map(([x, y], i) => [s("circle", {"data-drag": `point ${i}`, cx: data.px(x), cy: data.py(y), r: 14, fill: "transparent"}), s("circle", {"data-drag": `point ${i}`, cx: data.px(x), cy: data.py(y), r: 5.5, fill: "currentColor"})]));
    add(data.node, [["descent", "one", "none"], ["least squares", "two", "7 5"]].map(([name, colour, dash], i) => [
      s("line", {x1: data.span[1] - 102, x2: data.span[1] - 80, y1: data.span[2] - 24 + 15 * i, y2: data.span[2] - 24 + 15 * i, stroke: `var(--${colour})`, "stroke-width": 2, "stroke-dasharray": dash}),
      s("text", {class: "small", x: data.span[1] - 75, y: data.span[2] - 20 + 15 * i}, name)]));
    const ground = chart({width: side, height, x: WB, y: WB, xLabel: "slope w", yLabel: "intercept b", left: 28});
    const f = (w, b) => risk(points, w, b), low = f(...best), high = Math.max(...WB.flatMap(w => WB.map(b => f(w, b))));
    const levels = [0.004, 0.016, 0.04, 0.08, 0.14, 0.22, 0.34, 0.5, 0.72].map(share => low + share * (high - low));
    const shown = way.slice(0, way.findIndex(one => !isThere(one)) + 1 || undefined).filter(isThere);
    add(ground.node, clip("ground", ground), s("rect", {"data-drag": "start", x: ground.span[0], y: ground.span[3], width: ground.span[1] - ground.span[0], height: ground.span[2] - ground.span[3], fill: "transparent"}),
      s("g", {"clip-path": "url(#ground)", "pointer-events": "none"}, contours(f, ground, WB, WB, levels, 44),
        s("path", {class: "line", d: path(shown, ground), stroke: "var(--one)", "stroke-width": 1.5}),
        shown.map(([w, b]) => s("circle", {cx: ground.px(w), cy: ground.py(b), r: 2.2, fill: "var(--one)"})),
        s("path", {d: `M${ground.px(best[0])},${ground.py(best[1])}m-6,0h12m-6,-6v12`, stroke: "var(--two)", "stroke-width": 3}),
        isThere(last) && s("circle", {cx: ground.px(last[0]), cy: ground.py(last[1]), r: 5, fill: "var(--one)"})),
      s("circle", {"data-drag": "start", cx: ground.px(w0), cy: ground.py(b0), r: 7, fill: "var(--ground)", stroke: "currentColor", "stroke-width": 2}));
    return [h("div", {style: "display:flex;flex-wrap:wrap;gap:0.4rem 1.2rem"}, data.node, ground.node)];
  };
  const drag = (what, [x, y], by, tools) => {
    // The second drawing lies beside the first or below it; places count from the first one.
    const {side, height} = shape(tools.drawn), [first, second] = tools.figure.querySelectorAll("svg");
    const from = first.getBoundingClientRect(), to = second.getBoundingClientRect();
    const scale = (value, low, high, [a, b]) => a + (value - low) / (high - low) * (b - a);
    if (what === "start") {
      const grid = value => Math.max(-3, Math.min(3, Math.round(value * 4) / 4));
      return tools.set({w0: grid(scale(x - (to.left - from.left), 28, side - 10, WB)), b0: grid(scale(y - (to.top - from.top), height - 34, 16, WB))});
    }
    tools.change("points", Number(what.split(" ")[1]), {0: scale(x, 28, side - 10, SIDE), 1: scale(y, height - 34, 16, SIDE)});
  };
  const line = ([w, b]) => `y = ${g(w, 4)} x ${b < 0 ? "−" : "+"} ${g(Math.abs(b), 4)}`;
  const say = ({rate, steps}, {way, losses, best, bestLoss, limit}) => `After ${steps} steps: ${line(way.at(-1))}, with the mean squared error ${g(losses.at(-1), 4)}. Least squares: ${line(best)}, ${g(bestLoss, 4)}. Rates below ${g(limit, 3)} come down to it${rate > limit ? "; this one is too large" : ""}.`;
  const code = ({points, rate, steps, w0, b0}) => {
    const tensor = i => `torch.tensor([${points.map(one => one[i].toFixed(1)).join(", ")}], dtype=torch.float64)`;
    return ["import torch", "", `x = ${tensor(0)}`, `y = ${tensor(1)}`, `p = torch.tensor([${w0.toFixed(2)}, ${b0.toFixed(2)}], dtype=torch.float64, requires_grad=True)`,
      `optimizer = torch.optim.SGD([p], lr=${rate})`, `for _ in range(${steps}):`, "    optimizer.zero_grad()", "    ((p[0] * x + p[1] - y) ** 2).mean().backward()", "    optimizer.step()",
      'print(f"{p[0]:.5g} {p[1]:.5g} {((p[0] * x + p[1] - y) ** 2).mean():.5g}")',
      "columns = torch.stack([x, torch.ones_like(x)], dim=1)", "best = torch.linalg.lstsq(columns, y.unsqueeze(1)).solution", 'print(f"{best[0, 0]:.4f} {best[1, 0]:.4f}")'].join("\n");
  };
  const prints = (state, {way, losses, best}) => [[...way.at(-1), losses.at(-1)].map(one => g(one)).join(" "), best.map(one => one.toFixed(4)).join(" ")];

  window.executedExplorers.define("line", {
    title: "A line: descent and least squares",
    controls: /* controls */ [
      {"key": "rate", "label": "Learning rate", "kind": "scale", "values": [0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1], "value": 0.05},
      {"key": "steps", "label": "Steps", "kind": "number", "min": 0, "max": 100, "value": 20},
      {"key": "w0", "label": "Start at w", "kind": "number", "min": -3, "max": 3, "step": 0.25, "value": -2},
      {"key": "b0", "label": "and b", "kind": "number", "min": -3, "max": 3, "step": 0.25, "value": -2},
      {"key": "points", "label": "Move", "one": "point", "kind": "rows", "columns": ["x", "y"], "min": [-3, -3], "max": [3, 3], "step": [0.1, 0.1], "least": 1, "most": 8, "fresh": [0, 0],
       "value": [[-2.4, -1.6], [-1.2, -0.2], [0, 0.2], [1, 1.5], [2.2, 1.7]]}
    ] /* end */,
    play: "steps", pace: 120, model, view, drag, say, code, prints,
  });
})();
