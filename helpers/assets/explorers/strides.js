// One row of memory, seen under another shape: strides, offsets, views and copies.
(() => {
  const {h, s, tuple, list, tint} = window.executedExplorers.kit;
  const product = sizes => sizes.reduce((a, b) => a * b, 1);
  const dense = sizes => sizes.map((_, i) => sizes.slice(i + 1).reduce((a, b) => a * Math.max(b, 1), 1));
  const refuse = (type, message) => { throw Object.assign(new Error(`${type}: ${message}`), {refused: true}); };
  const isContiguous = ({shape, stride}) => {
    if (product(shape) === 0) return true;
    let next = 1;
    for (let d = shape.length - 1; d >= 0; d--) if (shape[d] !== 1) { if (stride[d] !== next) return false; next *= shape[d]; }
    return true;
  };
  const places = ({shape, stride, offset}) => {
    let found = [offset];
    shape.forEach((size, d) => { found = found.flatMap(place => Array.from({length: size}, (_, i) => place + i * stride[d])); });
    return found;
  };
  const copied = t => ({shape: t.shape, stride: dense(t.shape), offset: 0, memory: places(t).map(place => t.memory[place]), copies: t.copies + 1});

  // The strides under which the same memory shows another shape, or null: ATen's computeStride.
  const viewStride = (shape, stride, wanted) => {
    if (!product(shape)) return shape.join() === wanted.join() ? stride : dense(wanted);
    if (!shape.length) return wanted.map(() => 1);
    const found = Array(wanted.length);
    let v = wanted.length - 1, base = stride.at(-1), have = 1, want = 1;
    for (let d = shape.length - 1; d >= 0; d--) {
      have *= shape[d];
      if (d > 0 && (shape[d - 1] === 1 || stride[d - 1] === have * base)) continue;
      while (v >= 0 && (want < have || wanted[v] === 1)) { found[v] = want * base; want *= wanted[v--]; }
      if (want !== have) return null;
      if (d > 0) { base = stride[d - 1]; have = want = 1; }
    }
    return v === -1 ? found : null;
  };
  const asked = (t, sizes) => {
    const rest = product(sizes.filter(one => one !== -1)), all = product(t.shape);
    if (all % rest || !sizes.includes(-1) && all !== rest) refuse("RuntimeError", `shape '[${sizes.join(", ")}]' is invalid for input of size ${all}`);
    return sizes.map(one => one === -1 ? all / rest : one);
  };
  const viewed = (t, sizes) => {
    const shape = asked(t, sizes), stride = viewStride(t.shape, t.stride, shape);
    return stride && {...t, shape, stride};
  };
  const view_ = sizes => t => viewed(t, sizes) || refuse("RuntimeError", "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.");
  const reshape = sizes => t => viewed(t, sizes) || viewed(copied(t), sizes);
  const permuted = (t, order) => ({...t, shape: order.map(d => t.shape[d]), stride: order.map(d => t.stride[d])});
  const slice = (d, start, step) => t => {
    if (!t.shape.length) refuse("IndexError", d ? "too many indices for tensor of dimension 0" : "slice() cannot be applied to a 0-dim tensor.");
    if (d >= t.shape.length) refuse("IndexError", `too many indices for tensor of dimension ${t.shape.length}`);
    const from = Math.min(start, t.shape[d]);
    return {...t, offset: t.offset + from * t.stride[d], shape: t.shape.map((one, i) => i === d ? Math.ceil((one - from) / step) : one),
      stride: t.stride.map((one, i) => i === d ? one * step : one)};
  };
  const select = last => t => {
    if (!t.shape.length) refuse("IndexError", last ? "too many indices for tensor of dimension 0" : "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number");
    const d = last ? t.shape.length - 1 : 0;
    if (t.shape[d] === 0) refuse("IndexError", `index 0 is out of bounds for dimension ${d} with size 0`);
    return {...t, shape: t.shape.filter((_, i) => i !== d), stride: t.stride.filter((_, i) => i !== d)};
  };
  const OPERATIONS = {
    "": t => t,
    ".t()": t => t.shape.length > 2 ? refuse("RuntimeError", `t() expects a tensor with <= 2 dimensions, but self is ${t.shape.length}D`) : permuted(t, t.shape.map((_, i) => i).reverse()),
    ".transpose(0, 1)": t => {
      const n = t.shape.length, most = Math.max(n, 1) - 1;
      if (n < 2) refuse("IndexError", `Dimension out of range (expected to be in range of [${-most - 1}, ${most}], but got 1)`);
      return permuted(t, [1, 0, 2, 3, 4, 5].slice(0, n));
    },
    ".permute(2, 0, 1)": t => t.shape.length === 3 ? permuted(t, [2, 0, 1]) : refuse("RuntimeError", `permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = ${t.shape.length} is not equal to len(dims) = 3`),
    "[0]": select(false), "[..., 0]": select(true),
    "[1:]": slice(0, 1, 1), "[:, 1:]": slice(1, 1, 1), "[::2]": slice(0, 0, 2), "[:, ::2]": slice(1, 0, 2),
    ".unsqueeze(0)": t => ({...t, shape: [1, ...t.shape], stride: [t.shape.length ? t.shape[0] * t.stride[0] : 1, ...t.stride]}),
    ".squeeze()": t => permuted(t, t.shape.map((_, i) => i).filter(i => t.shape[i] !== 1)),
    ".view(-1)": view_([-1]), ".view(-1, 2)": view_([-1, 2]), ".reshape(-1)": reshape([-1]), ".reshape(-1, 2)": reshape([-1, 2]),
    ".contiguous()": t => isContiguous(t) ? t : copied(t),
  };
  const named = one => one === "nothing" ? "" : one;

  const model = ({shape: text, first, second, third}) => {
    const sizes = /^\s*\d+\s*(,\s*\d+\s*){0,2},?\s*$/.test(text) ? text.split(",").filter(one => one.trim()).map(Number) : [];
    if (!sizes.length || sizes.some(one => one < 1) || product(sizes) > 48) return {invalid: true, error: "Write one to three sizes, such as 3, 4. All numbers together: at most 48."};
    const start = {shape: sizes, stride: dense(sizes), offset: 0, memory: Array.from({length: product(sizes)}, (_, i) => i), copies: 0};
    try {
      const t = [first, second, third].reduce((made, one) => OPERATIONS[named(one)](made), start);
      return {start: sizes, shape: t.shape, stride: t.stride, offset: t.offset, contiguous: isContiguous(t), shared: t.copies === 0,
        memory: t.memory, places: places(t), values: places(t).map(place => t.memory[place]), viewable: viewStride(t.shape, t.stride, [product(t.shape)]) !== null};
    } catch (error) {
      if (!error.refused) throw error;
      return {start: sizes, error: error.message};
    }
  };
  const chain = ({first, second, third}) => [first, second, third].map(named).join("");

  const view = (state, result, width) => {
    if (!result.memory) return [];
    const {shape, stride, memory, places: at, shared} = result;
    const perRow = Math.min(memory.length, Math.floor((width - 4) / 30)), size = 30, lines = Math.ceil(memory.length / perRow);
    const order = new Map(at.map((place, i) => [place, i]));
    // Reading order as a line through the memory, in one row; else the order stands in each cell.
    const spot = place => [2 + (place % perRow + 0.5) * size, 22 + (Math.floor(place / perRow) + 0.5) * (size + 14)];
    const strip = s("svg", {width, height: 24 + lines * (size + 14), viewBox: `0 0 ${width} ${24 + lines * (size + 14)}`},
      s("text", {x: 2, y: 12}, shared ? "Memory, the same as x has" : "Memory, a new copy"),
      memory.map((value, place) => {
        const [x, y] = spot(place), used = order.has(place);
        return s("g", {}, s("rect", {x: x - size / 2, y: y - size / 2 + 2, width: size, height: size, fill: used ? tint(shared ? "two" : "one", 28) : "transparent", stroke: "var(--rule)"}),
          s("text", {class: used ? "mid" : "mid quiet", x, y: y + 6}, value),
          used && s("text", {class: "mid quiet", x, y: y + size / 2 + 12, style: "font-size:10px"}, order.get(place)));
      }));
    // The tensor: rows and columns, a block for each index of a first axis.
    const [blocks, rows, columns] = [...Array(3 - Math.min(shape.length, 3)).fill(1), ...shape];
    if (shape.length > 3 || !at.length) return [strip];
    const block = b => h("table", {class: "block"}, Array.from({length: rows}, (_, r) => h("tr", {}, Array.from({length: columns}, (_, c) => h("td", {}, result.values[(b * rows + r) * columns + c])))));
    return [strip, h("p", {class: "quiet", style: "margin:0.3rem 0 0"}, `y, ${tuple(shape)}`),
      h("div", {style: "display:flex;flex-wrap:wrap;gap:0.3rem 1.6rem"}, Array.from({length: blocks}, (_, b) => block(b)))];
  };
  const steps = ({shape, stride}) => shape.map((_, d) => `one step along axis ${d} moves ${stride[d]} ${stride[d] === 1 ? "place" : "places"}`).join(", ");
  const say = (state, result) => {
    const {shape, stride, offset, contiguous, shared, viewable} = result;
    return `y has shape ${tuple(shape)} and stride ${tuple(stride)}${shape.length ? `: ${steps(result)}, from place ${offset}` : ""}. It ${shared ? "shares the memory of x" : "is a copy"}, is ${contiguous ? "" : "not "}contiguous, and view(-1) ${viewable ? "works" : "refuses"}. Small numbers below the memory: the order of reading.`;
  };
  const code = (state, {start = []}) => [
    "import torch", "",
    `x = torch.arange(${product(start)}).view(${start.join(", ")})`,
    `y = x${chain(state)}`,
    "print(tuple(y.shape), y.stride(), y.storage_offset(), y.is_contiguous())",
    "print(y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr())",
    "print(y.reshape(-1).tolist())",
    "try:", "    y.view(-1)", '    print("view(-1) works")',
    "except RuntimeError:", '    print("view(-1) refuses")',
  ].join("\n");
  const truth = flag => flag ? "True" : "False";
  const prints = (state, {shape, stride, offset, contiguous, shared, values, viewable}) => [
    `${tuple(shape)} ${tuple(stride)} ${offset} ${truth(contiguous)}`, truth(shared), list(values), `view(-1) ${viewable ? "works" : "refuses"}`];

  window.executedExplorers.define("strides", {
    title: "Strides: one memory, many shapes",
    controls: /* controls */ [
      {"key": "shape", "label": "Shape of x", "kind": "text", "max": 20, "value": "3, 4"},
      {"key": "first", "label": "y = x, then", "kind": "choice", "value": ".t()", "options": ["nothing", ".t()", ".transpose(0, 1)", ".permute(2, 0, 1)", "[0]", "[..., 0]", "[1:]", "[:, 1:]", "[::2]", "[:, ::2]", ".unsqueeze(0)", ".squeeze()", ".view(-1)", ".view(-1, 2)", ".reshape(-1)", ".reshape(-1, 2)", ".contiguous()"]},
      {"key": "second", "label": "then", "kind": "choice", "value": "nothing", "options": ["nothing", ".t()", ".transpose(0, 1)", ".permute(2, 0, 1)", "[0]", "[..., 0]", "[1:]", "[:, 1:]", "[::2]", "[:, ::2]", ".unsqueeze(0)", ".squeeze()", ".view(-1)", ".view(-1, 2)", ".reshape(-1)", ".reshape(-1, 2)", ".contiguous()"]},
      {"key": "third", "label": "and then", "kind": "choice", "value": "nothing", "options": ["nothing", ".t()", ".transpose(0, 1)", ".permute(2, 0, 1)", "[0]", "[..., 0]", "[1:]", "[:, 1:]", "[::2]", "[:, ::2]", ".unsqueeze(0)", ".squeeze()", ".view(-1)", ".view(-1, 2)", ".reshape(-1)", ".reshape(-1, 2)", ".contiguous()"]}
    ] /* end */,
    model, view, say, code, prints,
  });
})();
