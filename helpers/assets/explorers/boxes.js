// Boxes, how much they overlap, and which of them non-maximum suppression keeps; in float32.
(() => {
  const {h, s, list, tint} = window.executedExplorers.kit;
  const f = Math.fround;
  const area = ([x1, y1, x2, y2]) => f(f(x2 - x1) * f(y2 - y1));
  const iou = (a, b) => {
    const wide = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])), tall = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
    const shared = f(wide * tall);
    return f(shared / f(f(area(a) + area(b)) - shared));
  };
  const model = ({boxes, threshold, a, b}) => {
    if (boxes.some(([x1, y1, x2, y2]) => x1 >= x2 || y1 >= y2)) return {invalid: true, error: "Each box needs x1 < x2 and y1 < y2."};
    const ious = boxes.map(one => boxes.map(other => iou(one, other)));
    const order = boxes.map((_, i) => i).sort((i, j) => f(boxes[j][4]) - f(boxes[i][4]) || i - j);
    const by = Array(boxes.length).fill(null), kept = [];
    for (const i of order) {
      if (by[i] !== null) continue;
      kept.push(i);
      for (const j of order.slice(order.indexOf(i) + 1)) if (by[j] === null && ious[i][j] > threshold) by[j] = i;
    }
    const last = boxes.length - 1;
    return {ious, order, kept, by, a: Math.min(a, last), b: Math.min(b, last), limits: {a: last, b: last}};
  };

  const COLOURS = ["one", "two", "three", "four", "five"];
  const side = width => Math.min(width, 400);
  const view = ({boxes, threshold}, result, width, tools) => {
    if (result.invalid) return [];
    const size = side(width), at = value => 6 + value / 100 * (size - 12), {kept, by, order, ious, a, b} = result;
    const colour = i => `var(--${COLOURS[kept.indexOf(by[i] === null ? i : by[i]) % COLOURS.length]})`;
    const [p, q] = [boxes[a], boxes[b]], both = [Math.max(p[0], q[0]), Math.max(p[1], q[1]), Math.min(p[2], q[2]), Math.min(p[3], q[3])];
    const drawing = s("svg", {width: size, height: size, viewBox: `0 0 ${size} ${size}`, style: "flex:none"},
      s("rect", {x: 6, y: 6, width: size - 12, height: size - 12, fill: "none", stroke: "var(--rule)"}),
      a !== b && both[0] < both[2] && both[1] < both[3] && s("rect", {x: at(both[0]), y: at(both[1]), width: at(both[2]) - at(both[0]), height: at(both[3]) - at(both[1]), fill: "color-mix(in srgb, currentColor 22%, transparent)"}),
      [...order].reverse().map(i => {
        const [x1, y1, x2, y2, score] = boxes[i], gone = by[i] !== null;
        return [s("rect", {"data-drag": `move ${i}`, x: at(x1), y: at(y1), width: at(x2) - at(x1), height: at(y2) - at(y1), fill: "transparent", stroke: colour(i), "stroke-width": gone ? 1.5 : 3, "stroke-dasharray": gone ? "5 4" : "none"}),
          s("text", {class: gone ? "small quiet" : "small strong", x: at(x1) + 5, y: at(y1) + 14, "pointer-events": "none"}, `${i}: ${score}`),
          s("rect", {"data-drag": `size ${i}`, x: at(x2) - 7, y: at(y2) - 7, width: 14, height: 14, rx: 3, fill: colour(i), "fill-opacity": gone ? 0.4 : 1, style: "cursor:nwse-resize"})];
      }));
    const rows = order.map(i => h("tr", {}, h("th", {scope: "row"}, `box ${i}`), h("td", {}, boxes[i][4]), h("td", {}, by[i] === null ? "kept" : `removed: IoU ${ious[by[i]][i].toFixed(3)} with box ${by[i]}`)));
    return [h("div", {style: "display:flex;flex-wrap:wrap;gap:0.4rem 1rem"}, drawing,
      h("table", {style: "align-self:start;flex:1 1 15rem"}, h("tr", {}, ["by score", "score", `at a threshold of ${threshold}`].map(one => h("th", {scope: "col"}, one))), rows))];
  };
  const drag = (what, now, by, tools, held) => {
    const [kind, index] = what.split(" "), row = held.boxes[index], [dx, dy] = by.map(one => one / (side(tools.drawn) - 12) * 100);
    const fit = (d, low, high) => Math.round(Math.max(-low, Math.min(100 - high, d)));
    if (kind === "move") {
      const [x, y] = [fit(dx, row[0], row[2]), fit(dy, row[1], row[3])];
      tools.change("boxes", Number(index), {0: row[0] + x, 1: row[1] + y, 2: row[2] + x, 3: row[3] + y});
    } else tools.change("boxes", Number(index), {2: Math.max(row[0] + 3, row[2] + dx), 3: Math.max(row[1] + 3, row[3] + dy)});
  };
  const mend = (row, old) => {
    const fixed = [...row];
    for (const [low, high] of [[0, 2], [1, 3]]) {
      if (fixed[low] < fixed[high]) continue;
      if (fixed[low] !== old[low]) fixed[low] = fixed[high] - 1; else fixed[high] = fixed[low] + 1;
    }
    return fixed;
  };
  const say = ({boxes}, {kept, ious, a, b}) => `${kept.length} of ${boxes.length} boxes are kept: ${kept.join(", ")}. The IoU of box ${a} and box ${b} is ${ious[a][b].toFixed(4)}.`;
  const code = ({boxes, threshold}, {a, b}) => ["import torch", "from torchvision import ops", "",
    "boxes = torch.tensor([", ...boxes.map(row => `    [${row.slice(0, 4).map(one => `${one}.0`).join(", ")}],`), "])",
    `scores = torch.tensor([${boxes.map(row => row[4].toFixed(2)).join(", ")}])`,
    `print(ops.nms(boxes, scores, iou_threshold=${threshold}).tolist())`, `print(f"{ops.box_iou(boxes, boxes)[${a}, ${b}]:.4f}")`].join("\n");
  const prints = (state, {kept, ious, a, b}) => [list(kept), ious[a][b].toFixed(4)];

  window.executedExplorers.define("boxes", {
    title: "Boxes: which ones are kept?",
    controls: /* controls */ [
      {"key": "threshold", "label": "IoU threshold", "kind": "number", "min": 0, "max": 1, "step": 0.05, "value": 0.5},
      {"key": "a", "label": "IoU of box", "kind": "number", "min": 0, "max": 7, "value": 0},
      {"key": "b", "label": "with box", "kind": "number", "min": 0, "max": 7, "value": 1},
      {"key": "boxes", "label": "Change", "one": "box", "kind": "rows", "columns": ["x1", "y1", "x2", "y2", "score"], "min": [0, 0, 1, 1, 0.05], "max": [99, 99, 100, 100, 1], "step": [1, 1, 1, 1, 0.05], "least": 1, "most": 8, "fresh": [30, 30, 60, 60, 0.5],
       "value": [[10, 12, 48, 50, 0.9], [16, 18, 54, 54, 0.8], [26, 30, 62, 68, 0.6], [60, 20, 92, 56, 0.75], [64, 16, 96, 50, 0.7]]}
    ] /* end */,
    model, view, drag, mend, say, code, prints,
  });
})();
