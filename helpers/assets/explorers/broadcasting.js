// Two shapes, aligned at the right: what comes out, and which numbers are visited again.
(() => {
  const {h, s, tuple, tint} = window.executedExplorers.kit;
  const product = sizes => sizes.reduce((a, b) => a * b, 1);
  const parse = text => {
    if (!/^\s*(\d+\s*(,\s*\d+\s*){0,3},?\s*)?$/.test(text)) return null;
    const sizes = text.split(",").filter(one => one.trim()).map(Number);
    return sizes.some(one => one > 6) ? null : sizes;
  };
  const dense = sizes => sizes.map((_, i) => sizes.slice(i + 1).reduce((a, b) => a * Math.max(b, 1), 1));
  // The strides of a tensor that expand stretches to a shape.
  const expanded = (sizes, wanted) => {
    if (!sizes.length) return wanted.map(() => 0);
    const found = [], stride = dense(sizes), missing = wanted.length - sizes.length;
    for (let i = wanted.length - 1; i >= 0; i--) {
      const d = i - missing, size = d >= 0 ? sizes[d] : 1;
      const own = d >= 0 ? stride[d] : i + 1 < wanted.length ? wanted[i + 1] * found[0] : 1;
      found.unshift(size !== wanted[i] ? 0 : own);
    }
    return found;
  };

  const model = ({a: first, b: second}) => {
    const a = parse(first), b = parse(second);
    if (!a || !b) return {invalid: true, error: "Write up to four sizes from 0 to 6 with commas, such as 3, 1. Nothing at all is the shape of a single number."};
    const n = Math.max(a.length, b.length), wide = sizes => [...Array(n - sizes.length).fill(null), ...sizes];
    const columns = wide(a).map((x, i) => {
      const y = wide(b)[i], [p, q] = [x ?? 1, y ?? 1];
      return {a: x, b: y, size: p === q ? p : p === 1 ? q : q === 1 ? p : null,
        rule: x === y ? "equal" : x === null ? "a is missing" : y === null ? "b is missing" : p === 1 ? "a stretches" : q === 1 ? "b stretches" : "they differ"};
    });
    const clash = columns.findLastIndex(one => one.size === null);
    if (clash >= 0) return {columns, error: `RuntimeError: The size of tensor a (${columns[clash].a}) must match the size of tensor b (${columns[clash].b}) at non-singleton dimension ${clash}`};
    const shape = columns.map(one => one.size);
    const strides = [expanded(a, shape), expanded(b, shape)];
    const places = stride => shape.reduce((found, size, d) => found.flatMap(place => Array.from({length: size}, (_, i) => place + i * stride[d])), [0]);
    const [p, q] = strides.map(places);
    return {columns, shape, strides, places: [p, q], sum: p.map((x, i) => x + 100 * q[i]), total: p.reduce((t, x, i) => t + x + 100 * q[i], 0)};
  };

  const tables = (result, width) => {
    const {shape, places: [p, q]} = result;
    if (shape.length > 3 || !p.length || p.length > 90) return "";
    const [blocks, rows, columns] = [...Array(3 - shape.length).fill(1), ...shape];
    const seen = list => list.map((place, i) => list.indexOf(place) === i);
    const one = (name, values, fresh, colour) => h("div", {}, h("div", {class: "quiet"}, name),
      h("div", {style: "display:flex;flex-wrap:wrap;gap:4px 12px"}, Array.from({length: blocks}, (_, b) => {
        const size = Math.min(30, Math.floor((width - 8) / columns));
        return s("svg", {width: columns * size + 2, height: rows * size + 4, viewBox: `-1 -1 ${columns * size + 2} ${rows * size + 4}`},
          Array.from({length: rows * columns}, (_, i) => {
            const at = b * rows * columns + i, x = i % columns * size, y = Math.floor(i / columns) * size;
            return [s("rect", {x, y, width: size, height: size, fill: colour ? tint(colour, fresh[at] ? 45 : 10) : "transparent", stroke: "var(--rule)", "stroke-dasharray": colour && !fresh[at] ? "2 3" : "none"}),
              s("text", {class: `mid small${colour && !fresh[at] ? " quiet" : ""}`, x: x + size / 2, y: y + size / 2 + 4}, values[at])];
          }));
      })));
    return h("div", {style: "display:flex;flex-wrap:wrap;gap:0.5rem 1.6rem"},
      one("a, stretched", p, seen(p), "one"), one("b, stretched", q.map(x => 100 * x), seen(q), "two"), one("a + b", result.sum));
  };
  const view = ({step}, result, width) => {
    if (!result.columns?.length) return result.shape ? [tables(result, width)] : [];
    const {columns} = result, n = columns.length, shown = Math.min(step, n), cell = Math.min(104, Math.floor((width - 60) / n)), left = 56;
    const drawing = s("svg", {width: left + n * cell + 4, height: 136, viewBox: `0 0 ${left + n * cell + 4} 136`},
      ["a", "b", "a + b"].map((name, r) => s("text", {x: 2, y: [25, 59, 104][r]}, name)),
      columns.map((one, i) => {
        const x = left + i * cell, open = i >= n - shown, wrong = one.size === null;
        const box = (y, value, colour) => [s("rect", {x: x + 3, y, width: cell - 6, height: 28, rx: 3, fill: open && colour ? tint(colour, 34) : "transparent", stroke: value === null ? "var(--rule)" : "currentColor", "stroke-opacity": 0.5, "stroke-dasharray": value === null ? "3 3" : "none"}),
          s("text", {class: `mid${value === null ? " quiet" : " strong"}`, x: x + cell / 2, y: y + 19}, value === null ? open ? "1" : "" : value)];
        return s("g", {}, box(6, one.a, wrong ? "one" : one.rule.startsWith("a") ? "one" : ""), box(40, one.b, wrong ? "one" : one.rule.startsWith("b") ? "two" : ""),
          box(85, open ? wrong ? "×" : one.size : null, open && !wrong ? "three" : ""),
          open && s("text", {class: `mid${cell < 76 ? " small" : ""}`, x: x + cell / 2, y: 130}, cell < 76 ? one.rule.replace("they ", "").replace("stretches", "→").replace("is missing", "+ 1") : one.rule));
      }));
    return [drawing, shown === n && result.shape ? tables(result, width) : ""];
  };
  const say = ({step}, {columns, shape, strides, places}) => {
    const n = columns.length;
    if (step < n) return `From the right, ${step} of ${n} axes looked at: ${columns.slice(n - step).map(one => one.rule).reverse().join(", ") || "none yet"}.`;
    const repeats = strides.map((one, i) => shape.filter((size, d) => one[d] === 0 && size > 1).length ? `${"ab"[i]} is visited again along ${shape.map((size, d) => one[d] === 0 && size > 1 ? d : null).filter(d => d !== null).map(d => `axis ${d}`).join(" and ")}` : "").filter(Boolean);
    return `They fit: ${tuple(shape)}, ${product(shape)} numbers. ${repeats.length ? `${repeats.join("; ")}, with stride 0 and without a copy.` : "Nothing has to be stretched to another size."}`;
  };
  const code = (state, result) => {
    const [a, b] = [parse(state.a) || [], parse(state.b) || []];
    return ["import torch", "", `a = torch.arange(${product(a)}).reshape(${tuple(a)})`, `b = torch.arange(0, ${100 * product(b)}, 100).reshape(${tuple(b)})`,
      "c = a + b", "print(tuple(c.shape))", "print(a.expand(c.shape).stride(), b.expand(c.shape).stride())", "print(int(c.sum()))"].join("\n");
  };
  const prints = (state, {shape, strides, total}) => [tuple(shape), strides.map(tuple).join(" "), String(total)];

  window.executedExplorers.define("broadcasting", {
    title: "Broadcasting: do two shapes fit?",
    controls: /* controls */ [
      {"key": "a", "label": "Shape of a", "kind": "text", "max": 16, "value": "3, 1"},
      {"key": "b", "label": "Shape of b", "kind": "text", "max": 16, "value": "4"},
      {"key": "step", "label": "Axes looked at, from the right", "kind": "number", "min": 0, "max": 4, "value": 4}
    ] /* end */,
    play: "step", pace: 900, model, view, say, code, prints,
  });
})();
