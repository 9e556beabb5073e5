// A window walks over a table of numbers: nn.Conv2d, and nn.ConvTranspose2d the other way.
(() => {
  const {h, s, tuple, list, grid, tint} = window.executedExplorers.kit;
  const square = (n, value) => Array.from({length: n}, (_, r) => Array.from({length: n}, (_, c) => value(r, c)));

  const model = ({size: n, kernel: k, stride, padding, dilation, transposed, extra, layers, cell}) => {
    const reach = dilation * (k - 1) + 1;
    const x = square(n, (r, c) => (r * n + c) * 7 % 10);
    const w = square(k, (r, c) => (r * k + c) * 2 % 3 - 1);
    const size = m => transposed ? (m - 1) * stride - 2 * padding + reach + extra : Math.floor((m + 2 * padding - reach) / stride) + 1;
    const refusal = m => {
      if (!transposed) {
        const wide = m + 2 * padding;
        return wide < reach && `RuntimeError: Calculated padded input size per channel: (${wide} x ${wide}). Kernel size: (${reach} x ${reach}). Kernel size can't be greater than actual input size`;
      }
      if (extra >= stride && extra >= dilation) {
        return `RuntimeError: output padding must be smaller than either stride or dilation, but got output_padding_height: ${extra} output_padding_width: ${extra} stride_height: ${stride} stride_width: ${stride} dilation_height: ${dilation} dilation_width: ${dilation}`;
      }
      const out = size(m);
      return out < 1 && `RuntimeError: Given input size per channel: (${m} x ${m}). Calculated output size per channel: (${out} x ${out}). Output size is too small`;
    };
    const error = refusal(n);
    if (error) return {x, w, error};
    const out = size(n), y = square(out, () => 0);
    // Each pair of an input and an output cell that a weight joins.
    const joined = (r, c, visit) => {
      for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) visit(r * stride - padding + i * dilation, c * stride - padding + j * dilation, w[i][j]);
    };
    const walks = transposed ? n : out, there = transposed ? out : n;
    const inside = (r, c) => r >= 0 && c >= 0 && r < there && c < there;
    for (let r = 0; r < walks; r++) for (let c = 0; c < walks; c++) joined(r, c, (a, b, weight) => {
      if (!inside(a, b)) return;
      if (transposed) y[a][b] += weight * x[r][c]; else y[r][c] += weight * x[a][b];
    });
    const place = Math.min(cell, walks * walks - 1), row = Math.floor(place / walks), column = place % walks;
    const terms = [];
    joined(row, column, (a, b, weight) => terms.push([a, b, weight, inside(a, b) ? (transposed ? x[row][column] : x[a][b]) : 0]));
    // The same layer several times: sizes, how far apart neighbours see, how much one sees.
    const stack = [];
    let field = 1, jump = 1, m = n, broken = null;
    for (let layer = 1; layer <= layers && !broken; layer++) {
      broken = refusal(m) || null;
      if (broken) break;
      m = size(m);
      field += (reach - 1) * jump;
      jump *= stride;
      stack.push(transposed ? {size: m} : {size: m, field, jump});
    }
    if (broken) return {x, w, y, out, row, column, terms, stack, walks, limits: {cell: walks * walks - 1}, error: broken};
    return {x, w, y, out, row, column, terms, stack, walks, limits: {cell: walks * walks - 1}};
  };

  const view = (state, result, width) => {
    const {size: n, kernel: k, padding, transposed} = state, {x, w, y, out = 0, row, column, terms = []} = result;
    // The border is drawn where it is zeros: around the input, or around a transposed layer's output, to be cut off.
    const inBorder = transposed ? 0 : padding, outBorder = transposed ? padding : 0;
    const left = n + 2 * inBorder, right = y ? out + 2 * outBorder : 0, gap = 26;
    const narrow = width < 480, widest = narrow ? Math.max(left, right) : left + right;
    const cell = Math.max(6, Math.min(30, Math.floor((width - (narrow ? 4 : gap + 8)) / Math.max(widest, 1))));
    const hit = new Map(terms.map(([a, b, weight]) => [`${a},${b}`, weight]));
    const padded = square(left, (r, c) => x[r - inBorder]?.[c - inBorder] ?? 0);
    const result2 = y ? square(right, (r, c) => y[r - outBorder]?.[c - outBorder] ?? "") : [];
    const window_ = (border, side) => (r, c) => {
      const a = r - border, b = c - border, faint = a < 0 || b < 0 || a >= side || b >= side;
      return hit.has(`${a},${b}`) ? {fill: tint("one", 34), stroke: "var(--one)", faint} : {faint, fill: faint ? "color-mix(in srgb, currentColor 6%, transparent)" : "none"};
    };
    const point = (r, c) => r === row && c === column ? {fill: tint("two", 34), stroke: "var(--two)", thick: true} : {};
    const walk = (r, c) => ({cell: r * result.walks + c});
    const [x2, y2] = narrow ? [2, 42 + left * cell] : [left * cell + gap + 4, 20];
    const kernelSize = 16, total = narrow ? y2 + right * cell : Math.max(20 + left * cell, 20 + right * cell);
    return [s("svg", {width, height: total + 34 + k * kernelSize, viewBox: `0 0 ${width} ${total + 34 + k * kernelSize}`},
      s("text", {x: 2, y: 13}, `Input ${n} × ${n}${inBorder ? `, padding ${padding}` : ""}`),
      grid(padded, {x: 2, y: 20, size: cell, mark: transposed ? point : window_(inBorder, n), set: transposed ? walk : null}),
      y && s("text", {x: x2, y: y2 - 7}, `Output ${out} × ${out}${outBorder ? `, ${padding} cut off` : ""}`),
      y && grid(result2, {x: x2, y: y2, size: cell, mark: transposed ? window_(outBorder, out) : point, set: transposed ? null : walk}),
      s("text", {x: 2, y: total + 26}, "Kernel"),
      grid(w, {x: 54, y: total + 14, size: kernelSize, mark: () => ({fill: tint("one", 14)})})),
    state.layers > 1 && result.stack && h("table", {},
      h("tr", {}, ["Layer", "Output", ...(transposed ? [] : ["One number sees", "Neighbours lie apart"])].map(one => h("th", {scope: "col"}, one))),
      result.stack.map((one, i) => h("tr", {}, [i + 1, `${one.size} × ${one.size}`, ...(transposed ? [] : [`${one.field} × ${one.field}`, one.jump])].map(each => h("td", {}, each)))))];
  };

  const say = ({size: n, kernel: k, stride, padding, dilation, transposed, extra, layers}, {out, row, column, terms, x, y, stack}) => {
    const last = layers > 1 ? ` After ${layers} such layers: ${stack.at(-1).size} × ${stack.at(-1).size}${transposed ? "." : `, and one number sees ${stack.at(-1).field} × ${stack.at(-1).field} of the input.`}` : "";
    if (transposed) return `The output is ${out} × ${out}: (${n} − 1) · ${stride} − 2 · ${padding} + ${dilation} · (${k} − 1) + ${extra} + 1. The input's ${x[row][column]} at row ${row}, column ${column} is added to ${terms.length} places, times the kernel.${last}`;
    const sum = terms.filter(one => one[2]).map(one => `${one[2] < 0 ? "−" : "+"} ${one[3]}`).join(" ").replace(/^\+ /, "");
    return `The output is ${out} × ${out}: (${n} + 2 · ${padding} − ${dilation} · (${k} − 1) − 1) / ${stride} + 1, rounded down. Row ${row}, column ${column}: ${k < 5 && sum ? `${sum} = ` : ""}${y[row][column]}.${last}`;
  };

  const code = ({size: n, kernel: k, stride, padding, dilation, transposed, extra, layers}, {row = 0, column = 0}) => [
    "import torch", "from torch import nn", "",
    `x = (torch.arange(${n * n}) * 7 % 10).float().reshape(1, 1, ${n}, ${n})`,
    transposed ? `layer = nn.ConvTranspose2d(1, 1, ${k}, stride=${stride}, padding=${padding}, dilation=${dilation},\n                           output_padding=${extra}, bias=False)`
      : `layer = nn.Conv2d(1, 1, ${k}, stride=${stride}, padding=${padding}, dilation=${dilation}, bias=False)`,
    "with torch.no_grad():",
    `    layer.weight.copy_((torch.arange(${k * k}) * 2 % 3 - 1).reshape(1, 1, ${k}, ${k}))`,
    ...layers === 1 ? ["    y = layer(x)"] : ["    y = layer(x)", "    z = y", `    for _ in range(${layers - 1}):`, "        z = layer(z)"],
    "print(tuple(y.shape))",
    transposed ? "print(int(y.sum()))" : `print(int(y[0, 0, ${row}, ${column}]))`,
    ...layers > 1 ? ["print(tuple(z.shape))"] : [],
    ...layers > 1 && !transposed ? ["",
      "row = torch.ones(1, 1, 1000, requires_grad=True)  # what does one number see?",
      `seen = nn.Sequential(*[nn.Conv1d(1, 1, ${k}, ${stride}, dilation=${dilation}, bias=False) for _ in range(${layers})])`,
      "for parameter in seen.parameters():",
      "    nn.init.ones_(parameter)",
      "seen(row)[0, 0, 0].backward()",
      "print(int(row.grad.nonzero().max()) + 1)"] : [],
  ].join("\n");

  const prints = ({layers, transposed}, {out, y, row, column, stack}) => [
    tuple([1, 1, out, out]),
    String(transposed ? y.flat().reduce((a, b) => a + b, 0) : y[row][column]),
    ...layers > 1 ? [tuple([1, 1, stack.at(-1).size, stack.at(-1).size])] : [],
    ...layers > 1 && !transposed ? [String(stack.at(-1).field)] : [],
  ];

  window.executedExplorers.define("convolution", {
    title: "Convolution: where does each number come from?",
    controls: /* controls */ [
      {"key": "size", "label": "Input size", "kind": "number", "min": 1, "max": 10, "value": 6},
      {"key": "kernel", "label": "Kernel", "kind": "number", "min": 1, "max": 5, "value": 3},
      {"key": "stride", "label": "Stride", "kind": "number", "min": 1, "max": 3, "value": 1},
      {"key": "padding", "label": "Padding", "kind": "number", "min": 0, "max": 3, "value": 0},
      {"key": "dilation", "label": "Dilation", "kind": "number", "min": 1, "max": 3, "value": 1},
      {"key": "cell", "label": "Place of the window", "kind": "number", "min": 0, "max": 255, "value": 0},
      {"key": "layers", "label": "Layers in a row", "kind": "number", "min": 1, "max": 4, "value": 1},
      {"key": "transposed", "label": "Transposed", "kind": "flag", "value": false},
      {"key": "extra", "label": "Output padding", "kind": "number", "min": 0, "max": 2, "value": 0, "when": {"transposed": [true]}}
    ] /* end */,
    play: "cell", model, view, say, code, prints,
  });
})();
