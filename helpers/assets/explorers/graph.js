// A small expression as a graph: values forward, then gradients back, node by node.
(() => {
  const {h, s, g, tint} = window.executedExplorers.kit;
  const sigmoid = x => 1 / (1 + Math.exp(-x));
  // Value and the slopes towards each input, as autograd computes them.
  const CALLS = {
    sin: [Math.sin, (d, x) => d * Math.cos(x)], cos: [Math.cos, (d, x) => d * -Math.sin(x)],
    exp: [Math.exp, (d, x, y) => d * y], log: [Math.log, (d, x) => d / x],
    tanh: [Math.tanh, (d, x, y) => d * (1 - y * y)], sigmoid: [sigmoid, (d, x, y) => d * (1 - y) * y],
    relu: [x => x <= 0 ? 0 : x, (d, x) => x <= 0 ? 0 : d], sqrt: [Math.sqrt, (d, x, y) => d / (2 * y)],
    abs: [Math.abs, (d, x) => d * Math.sign(x)],
  };
  const BINARY = {
    "+": [(a, b) => a + b, d => d, d => d],
    "-": [(a, b) => a - b, d => d, d => -d],
    "*": [(a, b) => a * b, (d, a, b) => d * b, (d, a) => d * a],
    "/": [(a, b) => a / b, (d, a, b) => d / b, (d, a, b) => -d * (a / b / b)],
    "**": [(a, b) => a ** b, (d, a, b) => b === 0 ? 0 : d * (b * a ** (b - 1)), (d, a, b, y) => a === 0 && b >= 0 ? 0 : d * (y * Math.log(a))],
  };
  const parse = text => {
    const tokens = text.match(/\s*(\d+\.?\d*|\.\d+|[a-z]+|\*\*|[-+*/()])\s*/g) || [];
    if (tokens.join("") !== text || !text.trim()) throw new Error();
    const left = tokens.map(one => one.trim());
    const eat = (...wanted) => wanted.includes(left[0]) && left.shift();
    const must = wanted => { if (!eat(wanted)) throw new Error(); };
    const chain = (next, ...signs) => {
      let node = next(), sign;
      while ((sign = eat(...signs))) node = {sign, inputs: [node, next()]};
      return node;
    };
    const sum = () => chain(term, "+", "-"), term = () => chain(unary, "*", "/");
    const unary = () => eat("-") ? {sign: "neg", inputs: [unary()]} : power();
    const power = () => {
      const base = atom();
      return eat("**") ? {sign: "**", inputs: [base, unary()]} : base;
    };
    const atom = () => {
      const one = left.shift() || "";
      if (/^[\d.]/.test(one)) return {number: Number(one), text: one};
      if (one === "(") { const inside = sum(); must(")"); return {...inside, closed: true}; }
      if (CALLS[one]) { must("("); const inside = sum(); must(")"); return {sign: one, inputs: [inside]}; }
      if (["a", "b", "c"].includes(one)) return {name: one};
      throw new Error();
    };
    const tree = sum();
    if (left.length) throw new Error();
    return tree;
  };

  const model = ({expression, step, ...given}) => {
    const invalid = words => ({invalid: true, error: words});
    let tree;
    try { tree = parse(expression); } catch { return invalid("Write an expression of a, b, c and numbers, with + - * / ** ( ) and sin, cos, exp, log, tanh, sigmoid, relu, sqrt, abs."); }
    const nodes = [], leaves = {};
    let fault = "";
    const visit = tree_ => {
      if (tree_.name) {
        if (leaves[tree_.name] === undefined) leaves[tree_.name] = nodes.push({label: tree_.name, value: given[tree_.name], inputs: [], leaf: true, depth: 0}) - 1;
        return leaves[tree_.name];
      }
      if (tree_.inputs === undefined) return nodes.push({label: tree_.text, value: tree_.number, inputs: [], constant: true, depth: 0}) - 1;
      const inputs = tree_.inputs.map(visit), values = inputs.map(i => nodes[i].value), constant = inputs.every(i => nodes[i].constant);
      const value = tree_.sign === "neg" ? -values[0] : (CALLS[tree_.sign] || BINARY[tree_.sign])[0](...values);
      if (constant && (CALLS[tree_.sign] || !Number.isFinite(value))) fault = "A function, and a division, needs a, b or c in it: PyTorch does not see plain numbers.";
      return nodes.push({label: tree_.sign === "neg" ? "−" : tree_.sign, sign: tree_.sign, value, inputs, constant, depth: 1 + Math.max(...inputs.map(i => nodes[i].depth))}) - 1;
    };
    const root = visit(tree);
    if (fault) return invalid(fault);
    if (nodes[root].constant) return invalid("The result does not depend on a, b or c: there is nothing to go back to.");
    if (nodes.length > 24) return invalid("That is too much for one drawing: at most 24 nodes.");
    // Backward: from the last node to the first, each hands its gradient to its inputs.
    const grads = nodes.map(() => null), events = [];
    const made = nodes.map((one, i) => i).filter(i => nodes[i].inputs.length);
    made.forEach(i => events.push({forward: i}));
    events.push({seed: root});
    grads[root] = 1;
    for (const i of [...made].reverse()) {
      const {inputs, sign, value, constant} = nodes[i];
      if (constant) continue;
      const values = inputs.map(j => nodes[j].value), parts = [];
      inputs.forEach((j, place) => {
        if (nodes[j].constant) return;
        const part = sign === "neg" ? -grads[i] : CALLS[sign] ? CALLS[sign][1](grads[i], values[0], value) : BINARY[sign][1 + place](grads[i], ...values, value);
        parts.push({to: j, part});
      });
      for (const {to, part} of parts) grads[to] = grads[to] === null ? part : grads[to] + part;
      events.push({back: i, parts, after: parts.map(({to}) => grads[to])});
    }
    const leaf = Object.fromEntries(Object.entries(leaves).map(([name, i]) => [name, grads[i]]));
    return {value: nodes[root].value, grads: leaf, nodes, root, events, limits: {step: events.length}};
  };

  const view = ({step}, result, width) => {
    if (result.invalid) return [];
    const {nodes, root, events} = result, seen = events.slice(0, step), now = seen.at(-1) || {};
    const known = new Set(nodes.map((one, i) => i).filter(i => !nodes[i].inputs.length)), grads = {}, flows = [];
    for (const event of seen) {
      if (event.forward !== undefined) known.add(event.forward);
      if (event.seed !== undefined) grads[event.seed] = 1;
      (event.parts || []).forEach(({to, part}) => { grads[to] = (grads[to] ?? 0) + part; flows.push([event.back, to, part, event === now]); });
    }
    const rows = [];
    nodes.forEach((one, i) => (rows[one.depth] ||= []).push(i));
    const tall = 84, place = [];
    rows.forEach((row, r) => row.forEach((i, k) => { place[i] = [width * (k + 0.5) / row.length, 24 + r * tall]; }));
    const box = Math.max(44, Math.min(86, ...rows.map(row => width / row.length - 8)));
    const edges = nodes.flatMap((one, i) => one.inputs.map(j => [j, i]));
    const height = rows.length * tall - 12;
    return [s("svg", {width, height, viewBox: `0 0 ${width} ${height}`},
      edges.map(([from, to]) => s("line", {x1: place[from][0], y1: place[from][1] + 24, x2: place[to][0], y2: place[to][1] - 20, class: "axis", "stroke-width": 1.5})),
      flows.map(([from, to, part, fresh], n) => [s("line", {x1: place[from][0], y1: place[from][1] - 20, x2: place[to][0], y2: place[to][1] + 24, stroke: "var(--two)", "stroke-width": fresh ? 3 : 1.5}),
        fresh && s("text", {class: "small", x: place[from][0] + 0.5 * (place[to][0] - place[from][0]) + 6, y: (place[from][1] + place[to][1]) / 2 + (n % 2 ? 9 : -1), style: "paint-order:stroke", stroke: "var(--ground)", "stroke-width": 3}, g(part, 4))]),
      nodes.map((one, i) => {
        const [x, y] = place[i], active = now.forward === i || now.seed === i || now.back === i;
        return s("g", {}, s("rect", {x: x - box / 2, y: y - 20, width: box, height: 44, rx: 5, fill: "var(--ground)"}),
          s("rect", {x: x - box / 2, y: y - 20, width: box, height: 44, rx: 5, fill: i in grads ? tint("two", 18) : known.has(i) && one.inputs.length ? tint("one", 18) : "transparent", stroke: active ? "var(--one)" : one.leaf ? "currentColor" : "var(--rule)", "stroke-width": active ? 3 : 1.2}),
          s("text", {class: box < 76 ? "mid small" : "mid", x, y: y - 4}, one.inputs.length || one.leaf ? `${one.label}${known.has(i) ? ` ${one.leaf ? "=" : "→"} ${g(one.value, 4)}` : ""}` : one.label),
          i in grads && s("text", {class: "mid small strong", x, y: y + 15}, `grad ${g(grads[i], 4)}`));
      }))];
  };
  const say = ({step}, {nodes, events, value, grads, root}) => {
    const now = events[Math.min(step, events.length) - 1];
    const named = i => nodes[i].leaf ? nodes[i].label : nodes[i].inputs.length ? `the node ${nodes[i].label} (${g(nodes[i].value, 4)})` : nodes[i].label;
    if (step >= events.length) return `The result is ${g(value)}. Gradients: ${Object.entries(grads).map(([name, grad]) => `${name}.grad = ${g(grad)}`).join(", ")}.`;
    if (!now) return "Nothing has been computed yet: the leaves hold their numbers.";
    if (now.forward !== undefined) return `Forward: ${nodes[now.forward].inputs.map(named).join(" and ")} give ${nodes[now.forward].label} = ${g(nodes[now.forward].value)}.`;
    if (now.seed !== undefined) return "Backward begins at the result, with the gradient 1.";
    return `Backward through ${named(now.back)}: ${now.parts.map(({to, part}, n) => `${named(to)} receives ${g(part, 4)}${Object.is(part, now.after[n]) ? "" : `, in all ${g(now.after[n], 4)}`}`).join("; ")}.`;
  };
  const code = ({expression, ...given}, {grads = {}}) => {
    const names = Object.keys(grads).sort(), text = expression.trim().replace(/[a-z]{2,}/g, name => `torch.${name}`);
    return ["import torch", "", ...names.map(name => `${name} = torch.tensor(${given[name].toFixed(2)}, dtype=torch.float64, requires_grad=True)`),
      `y = ${text}`, "y.backward()", 'print(f"{y.item():.5g}")', ...names.map(name => `print(f"{${name}.grad.item():.5g}")`)].join("\n");
  };
  const prints = (state, {value, grads}) => [g(value), ...Object.keys(grads).sort().map(name => g(grads[name]))];

  window.executedExplorers.define("graph", {
    title: "Graph: where does a gradient come from?",
    controls: /* controls */ [
      {"key": "expression", "label": "y =", "kind": "text", "max": 48, "double": true, "value": "a * b + sin(a)"},
      {"key": "a", "label": "a", "kind": "number", "min": -3, "max": 3, "step": 0.25, "value": 2},
      {"key": "b", "label": "b", "kind": "number", "min": -3, "max": 3, "step": 0.25, "value": -1},
      {"key": "c", "label": "c", "kind": "number", "min": -3, "max": 3, "step": 0.25, "value": 0.5},
      {"key": "step", "label": "Step", "kind": "number", "min": 0, "max": 60, "value": 60}
    ] /* end */,
    play: "step", pace: 1100, model, view, say, code, prints,
  });
})();
