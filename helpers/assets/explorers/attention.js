// A few tokens look at each other: scaled dot-product attention, with rotary positions and a mask.
(() => {
  const {h, s, add, chart, grid, tint} = window.executedExplorers.kit;
  const MASKS = {none: () => true, causal: (i, j) => j <= i, "causal, two tokens": (i, j) => j <= i && j >= i - 1, "last is padding": (i, j, n) => j < n - 1 || n === 1};
  const turned = ([x, y], degrees) => {
    const a = degrees * Math.PI / 180;
    return [x * Math.cos(a) - y * Math.sin(a), x * Math.sin(a) + y * Math.cos(a)];
  };
  const model = ({tokens, at, turn, rotary, mask, temperature}) => {
    const n = tokens.length, row = Math.min(at, n - 1), sees = (i, j) => MASKS[mask](i, j, n);
    const queries = tokens.map(([x, y], i) => turned([x, y], turn + rotary * i));
    const keys = tokens.map(([x, y], i) => turned([x, y], rotary * i));
    const scale = 1 / (temperature * Math.sqrt(2));
    const scores = queries.map(q => keys.map(k => (q[0] * k[0] + q[1] * k[1]) * scale));
    const weights = scores.map((line, i) => {
      const top = Math.max(...line.filter((_, j) => sees(i, j)));
      const parts = line.map((one, j) => sees(i, j) ? Math.exp(one - top) : 0), whole = parts.reduce((a, b) => a + b);
      return parts.map(one => one / whole);
    });
    const out = weights.map(line => line.reduce((sum, one, j) => sum + one * tokens[j][2], 0));
    return {queries, keys, scores, weights, out, row, hidden: tokens.map((_, j) => !sees(row, j)), limits: {at: n - 1}};
  };

  const SPAN = [-3, 3];
  const sideOf = width => Math.min(300, width >= 560 ? (width - 20) / 2 : width);
  const view = ({tokens}, {queries, keys, weights, out, row, hidden}, width) => {
    const side = sideOf(width), n = tokens.length;
    const plane = chart({width: side, height: side, x: SPAN, y: SPAN, xLabel: "", yLabel: "keys, and the query as an arrow", left: 24, bottom: 24});
    const {px, py, span} = plane, [qx, qy] = queries[row], long = Math.hypot(qx, qy);
    // Keys on one of these lines, across the query, have the same score.
    const levels = long > 0.05 ? [-2, -1, 0, 1, 2] : [];
    const across = level => {
      const [ux, uy] = [qx / long, qy / long], [x, y] = [ux * level, uy * level];
      return `M${px(x - 9 * uy)},${py(y + 9 * ux)}L${px(x + 9 * uy)},${py(y - 9 * ux)}`;
    };
    const tip = () => {
      const a = Math.atan2(py(qy) - py(0), px(qx) - px(0)), point = turn => `${px(qx) - 10 * Math.cos(a + turn)},${py(qy) - 10 * Math.sin(a + turn)}`;
      return `M${point(0.4)}L${px(qx)},${py(qy)}L${point(-0.4)}`;
    };
    add(plane.node, s("clipPath", {id: "plane"}, s("rect", {x: span[0], y: span[3], width: span[1] - span[0], height: span[2] - span[3]})),
      s("g", {"clip-path": "url(#plane)"}, levels.map(level => s("path", {class: "axis", d: across(level), "stroke-dasharray": "2 4"}))),
      s("path", {class: "line", d: `M${px(0)},${py(0)}L${px(qx)},${py(qy)}`, stroke: "var(--one)"}),
      long > 0.05 && s("path", {class: "line", d: tip(), stroke: "var(--one)"}),
      keys.map(([x, y], j) => [
        ["var(--ground)", tint("two", hidden[j] ? 0 : 38)].map(ground => s("circle", {cx: px(x), cy: py(y), r: 6 + 13 * Math.sqrt(weights[row][j]), fill: ground, stroke: "var(--two)", "stroke-dasharray": hidden[j] ? "3 3" : "none"})),
        s("text", {class: `mid strong${hidden[j] ? " quiet" : ""}`, x: px(x), y: py(y) + 4}, j),
        s("circle", {"data-drag": `token ${j}`, cx: px(x), cy: py(y), r: 16, fill: "transparent"})]));
    const cell = Math.max(30, Math.min(40, Math.floor((side - 74) / n))), left = 26, top = 36, end = left + n * cell;
    const shown = weights.map(line => line.map(one => one.toFixed(2)));
    const table = s("svg", {width: end + 62, height: top + n * cell + 8, viewBox: `0 0 ${end + 62} ${top + n * cell + 8}`},
      s("text", {class: "small quiet", x: 0, y: 10}, "weights: who looks (rows) at whom"),
      keys.map((_, j) => s("text", {class: "mid quiet", x: left + (j + 0.5) * cell, y: top - 7}, j)),
      s("text", {class: "small end quiet", x: end + 60, y: top - 7}, "output"),
      keys.map((_, i) => [
        s("text", {class: `mid${i === row ? " strong" : " quiet"}`, x: 12, y: top + (i + 0.5) * cell + 4}, i),
        s("text", {class: `end${i === row ? " strong" : ""}`, x: end + 60, y: top + (i + 0.5) * cell + 4}, out[i].toFixed(2))]),
      grid(shown, {x: left, y: top, size: cell, set: r => ({at: r}),
        mark: (r, c) => ({fill: tint("two", Math.round(70 * weights[r][c])), stroke: r === row ? "var(--one)" : "var(--rule)", thick: r === row, faint: !weights[r][c]})}));
    return [h("div", {style: "display:flex;flex-wrap:wrap;gap:0.6rem 1.6rem"}, plane.node, table)];
  };
  const drag = (what, [x, y], by, tools, held) => {
    const side = sideOf(tools.drawn), index = Number(what.split(" ")[1]);
    const place = [SPAN[0] + (x - 24) / (side - 34) * 6, SPAN[1] - (y - 16) / (side - 40) * 6];
    const [a, b] = turned(place, -held.rotary * index);
    tools.change("tokens", index, {0: a, 1: b});
  };

  const say = ({tokens}, {weights, out, row, hidden}) => {
    const line = weights[row], most = line.indexOf(Math.max(...line)), away = hidden.filter(Boolean).length;
    return `Token ${row} looks most at ${most === row ? "itself" : `token ${most}`}, with the weight ${line[most].toFixed(2)}${away ? `; ${away} ${away === 1 ? "token is" : "tokens are"} hidden from it` : ""}. Its output is ${out[row].toFixed(4)}: the values, ${tokens.map(one => one[2]).join(", ")}, weighted by its row.`;
  };
  const code = ({tokens, turn, rotary, mask, temperature}, {row}) => {
    const n = tokens.length, masks = {none: [], causal: ["mask = mask.tril()"], "causal, two tokens": ["mask = mask.tril() & mask.triu(-1)"], "last is padding": n > 1 ? [`mask[:, ${n - 1}] = False`] : []};
    return ["import math", "import torch", "from torch.nn import functional as F", "",
      `x = torch.tensor([${tokens.map(one => `[${one.slice(0, 2).map(each => each.toFixed(1)).join(", ")}]`).join(", ")}], dtype=torch.float64)`,
      `v = torch.tensor([${tokens.map(one => `[${one[2].toFixed(1)}]`).join(", ")}], dtype=torch.float64)`,
      `place = torch.arange(${n}, dtype=torch.float64)`, "",
      "def turned(x, degrees):", "    a = torch.deg2rad(degrees)",
      "    return torch.stack([x[:, 0] * a.cos() - x[:, 1] * a.sin(),", "                        x[:, 0] * a.sin() + x[:, 1] * a.cos()], dim=1)", "",
      `q = turned(x, ${turn} + ${rotary} * place)`, `k = turned(x, ${rotary} * place)`, `mask = torch.ones(${n}, ${n}, dtype=torch.bool)`, ...masks[mask],
      `scale = 1 / (${temperature} * math.sqrt(2))`,
      "weights = (q @ k.T * scale).masked_fill(~mask, -math.inf).softmax(dim=1)",
      "out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)",
      `print(" ".join(f"{w:.4f}" for w in weights[${row}]))`, `print(f"{out[${row}].item():.4f}")`].join("\n");
  };
  const prints = (state, {weights, out, row}) => [weights[row].map(one => one.toFixed(4)).join(" "), out[row].toFixed(4)];

  window.executedExplorers.define("attention", {
    title: "Attention: who looks at whom?",
    controls: /* controls */ [
      {"key": "at", "label": "Token that looks", "kind": "number", "min": 0, "max": 5, "value": 3},
      {"key": "temperature", "label": "Temperature", "kind": "scale", "values": [0.1, 0.25, 0.5, 1, 2, 5, 20], "value": 1},
      {"key": "turn", "label": "Query turned by °", "kind": "number", "min": -180, "max": 180, "step": 15, "value": 0},
      {"key": "rotary", "label": "Turn per position °", "kind": "number", "min": 0, "max": 90, "step": 15, "value": 0},
      {"key": "mask", "label": "Mask", "kind": "choice", "options": ["none", "causal", "causal, two tokens", "last is padding"], "value": "none"},
      {"key": "tokens", "label": "Move", "one": "token", "kind": "rows", "columns": ["x", "y", "value"], "min": [-2, -2, -5], "max": [2, 2, 5], "step": [0.1, 0.1, 0.5], "least": 1, "most": 6, "fresh": [0, 1, 0],
       "value": [[2, 0.4, 1], [-1.2, 1.5, 2], [0.3, -1.8, 3], [1.6, 1.2, 4]]}
    ] /* end */,
    model, view, drag, say, code, prints,
  });
})();
