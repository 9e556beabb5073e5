// A garment to draw, and the network of chapter 32 that names it: its file of weights, read here.
(() => {
  const {h, s, g} = window.executedExplorers.kit;
  const {weights: file, pictures, places, names} = window.executedExplorers.data.draw;
  const bytes = text => Uint8Array.from(atob(text), one => one.charCodeAt(0));
  // A file of safetensors: eight bytes for the header's length, the header, the numbers.
  const weights = (raw => {
    const size = Number(new DataView(raw.buffer).getBigUint64(0, true));
    const {__metadata__: words, ...tensors} = JSON.parse(new TextDecoder().decode(raw.subarray(8, 8 + size)));
    const found = {card: JSON.parse(words.card)};
    for (const [name, {shape, data_offsets: [from, to]}] of Object.entries(tensors)) {
      found[name] = {shape, values: new Float32Array(raw.slice(8 + size + from, 8 + size + to).buffer)};
    }
    return found;
  })(bytes(file));
  const shown = bytes(pictures), SIDE = 28;

  // The network: three times convolution with a border of zeros, ReLU, maximum of 2 × 2; a linear layer.
  const block = (x, size, name) => {
    const {shape: [outs, ins], values: w} = weights[`${name}.weight`], bias = weights[`${name}.bias`].values;
    const half = size >> 1, pooled = new Float64Array(outs * half * half), y = new Float64Array(size * size);
    for (let o = 0; o < outs; o++) {
      y.fill(bias[o]);
      for (let i = 0; i < ins; i++) for (let dr = -1; dr < 2; dr++) for (let dc = -1; dc < 2; dc++) {
        const weight = w[((o * ins + i) * 3 + dr + 1) * 3 + dc + 1];
        for (let r = Math.max(0, -dr), last = size - Math.max(0, dr); r < last; r++) {
          const from = (i * size + r + dr) * size + dc, to = r * size;
          for (let c = Math.max(0, -dc), end = size - Math.max(0, dc); c < end; c++) y[to + c] += weight * x[from + c];
        }
      }
      for (let r = 0; r < half; r++) for (let c = 0; c < half; c++) {
        const at = 2 * r * size + 2 * c;
        pooled[(o * half + r) * half + c] = Math.max(0, y[at], y[at + 1], y[at + size], y[at + size + 1]);
      }
    }
    return pooled;
  };
  const logits = pixels => {
    const {mean, std} = weights.card;
    let x = Float64Array.from(pixels, one => (one / 255 - mean) / std);
    [["0", 28], ["3", 14], ["6", 7]].forEach(([name, size]) => { x = block(x, size, name); });
    const {shape: [outs, ins], values: w} = weights["10.weight"], bias = weights["10.bias"].values;
    return Array.from({length: outs}, (_, o) => { let sum = bias[o]; for (let i = 0; i < ins; i++) sum += w[o * ins + i] * x[i]; return sum; });
  };
  const softmax = values => {
    const most = Math.max(...values), powers = values.map(one => Math.exp(one - most)), sum = powers.reduce((a, b) => a + b);
    return powers.map(one => one / sum);
  };

  // A stroke is a thick line with a soft edge; it covers what lies below it.
  const paint = ({picture, strokes}) => {
    const from = names.indexOf(picture) * SIDE * SIDE;
    const x = from < 0 ? new Float64Array(SIDE * SIDE) : Float64Array.from(shown.subarray(from, from + SIDE * SIDE));
    for (const [x1, y1, x2, y2, width, ink] of strokes) {
      const dx = x2 - x1, dy = y2 - y1, long = Math.max(dx * dx + dy * dy, 1e-9);
      for (let r = 0; r < SIDE; r++) for (let c = 0; c < SIDE; c++) {
        const t = Math.min(1, Math.max(0, ((c - x1) * dx + (r - y1) * dy) / long)), a = c - x1 - t * dx, b = r - y1 - t * dy;
        const share = Math.min(1, Math.max(0, width / 2 + 0.5 - Math.sqrt(a * a + b * b)));
        x[r * SIDE + c] += share * (ink - x[r * SIDE + c]);
      }
    }
    return x;
  };
  const model = state => {
    const pixels = Array.from(paint(state)), found = logits(pixels), p = softmax(found);
    return {pixels, logits: found, p, order: p.map((_, i) => i).sort((i, j) => p[j] - p[i] || i - j)};
  };

  const sheet = width => Math.min(width, 308);
  const view = (state, {pixels, p, order}, width) => {
    const side = sheet(width), canvas = h("canvas", {width: SIDE, height: SIDE}), pen = canvas.getContext("2d");
    const dots = pen.createImageData(SIDE, SIDE);
    pixels.forEach((one, i) => dots.data.set([one, one, one, 255], 4 * i));
    pen.putImageData(dots, 0, 0);
    const row = 24, wide = Math.min(width, width >= 560 ? width - side - 26 : width), bar = wide - 92 - 52;
    return [h("div", {style: "display:flex;flex-wrap:wrap;gap:0.8rem 1.6rem;align-items:center"},
      s("svg", {width: side, height: side, viewBox: `0 0 ${SIDE} ${SIDE}`, style: "flex:none;cursor:crosshair;outline:1px solid var(--rule)"},
        s("image", {href: canvas.toDataURL(), width: SIDE, height: SIDE, style: "image-rendering:pixelated", "pointer-events": "none"}),
        s("rect", {"data-drag": "paint", width: SIDE, height: SIDE, fill: "transparent", style: "cursor:crosshair"})),
      s("svg", {width: wide, height: 10 * row, viewBox: `0 0 ${wide} ${10 * row}`},
        names.map((name, i) => [
          s("text", {class: i === order[0] ? "end strong" : "end", x: 86, y: row * i + 16}, name),
          s("rect", {x: 92, y: row * i + 5, width: Math.max(0.5, bar * p[i]), height: row - 10, fill: `var(--${i === order[0] ? "one" : "two"})`}),
          s("text", {x: 98 + bar * p[i], y: row * i + 16}, p[i].toFixed(3))]))),
      h("div", {class: "quiet", style: "margin-top:0.4rem"}, "Draw on the dark sheet, with the mouse or a finger. The fields change each stroke, and add others.")];
  };
  // Pressing makes a dot, dragging goes on from there, with the pen as it is set.
  const stroke = (tools, from, to) => {
    const {strokes, width, ink} = tools.state, {most} = tools.parts.controls.find(one => one.key === "strokes");
    const grid = place => place.map(one => Math.max(0, Math.min(27, Math.round(one * 2) / 2)));
    tools.picked = strokes.length;
    if (strokes.length < most) tools.set({strokes: [...strokes, [...grid(from), ...grid(to), width, ink]]});
    else tools.said.textContent = `${most} strokes are the most.`;
  };
  const cell = ([x, y], tools) => [x, y].map(one => one / sheet(tools.drawn) * SIDE - 0.5);
  const press = (what, at, tools) => { const place = cell(at, tools); tools.pen = place; stroke(tools, place, place); };
  const drag = (what, now, by, tools) => {
    const place = cell(now, tools);
    if (Math.hypot(place[0] - tools.pen[0], place[1] - tools.pen[1]) < 1.5) return;
    stroke(tools, tools.pen, place);
    tools.pen = place;
  };
  const say = (state, {pixels, p, order: [first, second]}) => pixels.some(one => one > 0)
    ? `The network says ${names[first]}, with the probability ${p[first].toFixed(3)}; then ${names[second]}, ${p[second].toFixed(3)}.`
    : `Nothing is drawn. The network says ${names[first]} all the same, with the probability ${p[first].toFixed(3)}: it has ten answers and no other.`;
  const code = ({picture, strokes}) => {
    const place = places[names.indexOf(picture)];
    return ["from pathlib import Path", "", "import helpers", "import torch", "from safetensors.torch import load_file", "from torch.nn import functional as F", "",
      place === undefined ? "x = torch.zeros(28, 28, dtype=torch.float64)" : `x = helpers.data.fashion_mnist("test")[0][${place}, 0].double()`,
      ...strokes.length ? ["row = torch.arange(28, dtype=torch.float64).unsqueeze(1)", "column = row.T", "strokes = [", ...strokes.map(one => `    (${one.join(", ")}),`), "]",
        "for x1, y1, x2, y2, width, ink in strokes:", "    dx, dy = x2 - x1, y2 - y1",
        "    t = ((column - x1) * dx + (row - y1) * dy) / max(dx * dx + dy * dy, 1e-9)", "    t = t.clamp(0, 1)",
        "    away = ((column - x1 - t * dx) ** 2 + (row - y1 - t * dy) ** 2).sqrt()", "    x += (width / 2 + 0.5 - away).clamp(0, 1) * (ink - x)"] : [], "",
      'w = load_file(Path(helpers.__file__).parent / "assets" / "draw.safetensors")', `y = ((x / 255 - ${weights.card.mean}) / ${weights.card.std}).float().reshape(1, 1, 28, 28)`,
      'for name in "036":', '    y = F.conv2d(y, w[f"{name}.weight"], w[f"{name}.bias"], padding=1)', "    y = F.max_pool2d(y.relu(), 2)",
      'p = F.linear(y.flatten(1), w["10.weight"], w["10.bias"]).softmax(dim=1)[0]', "for i in p.argsort(descending=True)[:3].tolist():",
      '    print(f"{helpers.data.FASHION_CLASSES[i]} {p[i]:.5g}")'].join("\n");
  };
  const prints = (state, {p, order}) => order.slice(0, 3).map(i => `${names[i]} ${g(p[i])}`);

  window.executedExplorers.define("draw", {
    title: "Draw a garment: what does the network say?",
    figureFirst: true, // on a phone the sheet would be below all fields
    controls: /* controls */ [
      {"key": "picture", "label": "Start from", "kind": "choice", "options": ["nothing", "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"], "value": "nothing"},
      {"key": "width", "label": "Pen: width", "kind": "number", "min": 1, "max": 14, "value": 4},
      {"key": "ink", "label": "Pen: brightness", "kind": "number", "min": 0, "max": 255, "step": 5, "value": 200},
      {"key": "strokes", "label": "Change", "one": "stroke", "kind": "rows", "columns": ["x1", "y1", "x2", "y2", "width", "brightness"], "min": [0, 0, 0, 0, 1, 0], "max": [27, 27, 27, 27, 14, 255], "step": [0.5, 0.5, 0.5, 0.5, 1, 5], "least": 0, "most": 150, "fresh": [8, 14, 19, 14, 6, 200],
       "value": [[13.5, 6, 13.5, 23.5, 10, 200], [9, 6, 4, 11, 5, 200], [18, 6, 23, 11, 5, 200], [13.5, 1, 13.5, 2, 5, 0]]}
    ] /* end */,
    actions: {"Wipe": {picture: "nothing", strokes: []}, "Take back": state => ({strokes: state.strokes.slice(0, -1)})},
    model, logits, view, press, drag, say, code, prints,
  });
})();
