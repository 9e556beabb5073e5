// The bits of a number in PyTorch's formats: what fits, what is next to it, what a sum loses.
(() => {
  const {h, s, g} = window.executedExplorers.kit;
  const FORMATS = {
    float32: [8, 23, 127], float16: [5, 10, 15], bfloat16: [8, 7, 127], float8_e4m3fn: [4, 3, 7], float8_e5m2: [5, 2, 15],
  };
  const INTS = {8: "uint8", 16: "int16", 32: "int32"};
  const isFn = format => format === "float8_e4m3fn";
  const even = x => { const low = Math.floor(x), rest = x - low; return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low; };
  const decode = (bits, format) => {
    const [e, m, bias] = FORMATS[format], exponent = Math.floor(bits / 2 ** m) % 2 ** e, fraction = bits % 2 ** m;
    const sign = bits >= 2 ** (e + m) ? -1 : 1, top = 2 ** e - 1;
    if (exponent === top && (isFn(format) ? fraction === 2 ** m - 1 : fraction)) return NaN;
    if (exponent === top && !isFn(format)) return sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - bias) * (1 + fraction / 2 ** m) : 2 ** (1 - bias) * fraction / 2 ** m);
  };
  // As torch.tensor(x).to(format): to float32 first, then to the nearest, ties to the even one.
  const encode = (given, format) => {
    const [e, m, bias] = FORMATS[format], x = Math.fround(given), size = Math.abs(x), top = 2 ** e - 1;
    const sign = x < 0 || Object.is(x, -0) ? 2 ** (e + m) : 0;
    const beyond = isFn(format) ? 2 ** (e + m) - 2 : top * 2 ** m;  // e4m3fn has no infinity: the largest number
    if (Number.isNaN(x)) return format.startsWith("float8") ? 2 ** (e + m) - 1 : top * 2 ** m + 2 ** (m - 1);
    if (size === Infinity) return sign + beyond;
    let power = size ? Math.max(Math.floor(Math.log2(size)), 1 - bias) : 1 - bias;
    if (2 ** power > size && power > 1 - bias) power--;
    const steps = even(size / 2 ** (power - m));
    const bits = steps < 2 ** m ? steps : (power + bias) * 2 ** m + (steps - 2 ** m);
    return sign + Math.min(bits, beyond);
  };
  const round = (x, format) => decode(encode(x, format), format);
  const parse = text => {
    const word = text.trim().toLowerCase();
    if (/^[+-]?inf$/.test(word)) return word[0] === "-" ? -Infinity : Infinity;
    if (word === "nan") return NaN;
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/.test(word) ? Number(word) : null;
  };

  const model = ({format, value, step, times}) => {
    const typed = parse(value);
    if (typed === null) return {invalid: true, error: "Write a number, such as 0.1, -2 or 3e-5, or inf, or nan."};
    const [e, m] = FORMATS[format], bits = encode(typed, format), x = decode(bits, format), size = bits % 2 ** (e + m);
    const finite = Number.isFinite(x);
    const further = finite ? decode(bits + 1, format) : null, nearer = finite && size ? decode(bits - 1, format) : null;
    const small = round(step, format);
    let total = x;
    for (let i = 0; i < times; i++) total = round(Math.fround(total) + Math.fround(small), format);
    return {typed, bits, width: 1 + e + m, x, further, nearer, small, total, exact: x + times * small};
  };
  const shown = x => Number.isNaN(x) ? "nan" : Number.isFinite(x) ? g(x, 9) : x < 0 ? "-inf" : "inf";
  const binary = ({bits, width}) => bits.toString(2).padStart(width, "0");

  const view = ({format}, result, width, tools) => {
    if (result.invalid) return [];
    const [e, m, bias] = FORMATS[format], digits = binary(result);
    const flip = i => tools.set({value: shown(decode(result.bits + (digits[i] === "1" ? -1 : 1) * 2 ** (digits.length - 1 - i), format))});
    const group = (name, from, to, colour) => h("div", {role: "group", "aria-label": name}, h("div", {class: "quiet"}, name),
      h("div", {style: "display:flex;flex-wrap:wrap;gap:2px;margin-top:2px"}, [...digits.slice(from, to)].map((digit, k) => h("button", {
        type: "button", "data-key": from + k, "aria-label": `${name}, bit ${to - from - 1 - k}: ${digit}`,
        style: `width:1.6rem;min-height:1.9rem;padding:0;font-family:ui-monospace,monospace;border-color:var(--${colour});background:${digit === "1" ? `color-mix(in srgb, var(--${colour}) 32%, transparent)` : "transparent"}`,
        onclick: () => flip(from + k)}, digit))));
    const field = Math.floor(result.bits / 2 ** m) % 2 ** e, fraction = result.bits % 2 ** m;
    const sign = digits[0] === "1" ? "−" : "";
    const formula = !Number.isFinite(result.x) ? "The exponent is all ones: no number." : field ? `${sign}2^(${field} − ${bias}) × (1 + ${fraction}/${2 ** m})` : `${sign}2^(1 − ${bias}) × ${fraction}/${2 ** m}: subnormal`;
    return [h("div", {style: "display:flex;flex-wrap:wrap;gap:0.4rem 1rem"}, group("sign", 0, 1, "one"), group("exponent", 1, 1 + e, "two"), group("fraction", 1 + e, digits.length, "three")),
      h("p", {style: "margin:0.5rem 0"}, h("strong", {}, shown(result.x)), ` = ${formula}`), line(result, width, format === "float32" ? 9 : 6)];
  };
  // The number that was typed, between the two of the format around it.
  const line = ({typed, x, further, nearer}, width, digits) => {
    if (!Number.isFinite(x) || !Number.isFinite(typed) || !Number.isFinite(further) || nearer === null) return "";
    const [low, high] = [nearer, further].sort((a, b) => a - b), left = 48, right = width - 48;
    const at = value => left + (value - low) / (high - low) * (right - left);
    const inside = typed >= low && typed <= high;
    return s("svg", {width, height: 74, viewBox: `0 0 ${width} 74`},
      s("line", {class: "axis", x1: left, x2: right, y1: 34, y2: 34, "stroke-width": 1.5}),
      [low, x, high].map(one => [s("line", {x1: at(one), x2: at(one), y1: 26, y2: 42, stroke: one === x ? "var(--three)" : "currentColor", "stroke-width": one === x ? 4 : 2}),
        s("text", {class: `mid small${one === x ? " strong" : ""}`, x: at(one), y: one === x ? 71 : 56}, g(one, digits))]),
      inside && [s("path", {d: `M${at(typed)},32l-5,-9h10z`, fill: "var(--one)"}), s("text", {class: "mid small", x: Math.max(40, Math.min(width - 40, at(typed))), y: 17}, `typed: ${g(typed, 9)}`)]);
  };
  const say = ({format, times}, {typed, x, further, nearer, small, total, exact}) => {
    const loss = Number.isFinite(x) && Number.isFinite(typed) && typed ? `, off by ${g(Math.abs(x - typed) / Math.abs(typed) * 100, 3)} %` : "";
    const next = further === null ? "" : ` The next number away from zero is ${shown(further)}${nearer === null ? "" : `, towards zero ${shown(nearer)}`}.`;
    return `In ${format}, ${g(typed, 9)} is ${shown(x)}${loss}.${next} Adding ${shown(small)} ${times} times gives ${shown(total)}${Number.isFinite(total) && Number.isFinite(exact) ? `; exact: ${shown(exact)}` : ""}.${isFn(format) && Math.abs(typed) > 448 ? " This format has no infinity. PyTorch takes its largest number; older releases gave nan." : ""}`;
  };
  const code = ({format, value, step, times}, {width, further, nearer}) => {
    const ints = INTS[width], word = String(value).trim().toLowerCase();
    return ["import torch", "",
      `x = torch.tensor(${/^-?(0|[1-9]\d*)\.\d+$/.test(word) ? word : `float("${word}")`}).to(torch.${format})`,
      `bits = x.view(torch.${ints})`,
      "print(f\"{x.item():.9g}\", f\"{bits.item() & " + (width === 32 ? "0xffffffff" : width === 16 ? "0xffff" : "0xff") + `:0${width}b}")`,
      ...further === null ? [] : [`further = (bits + 1).view(torch.${format})`, 'print(f"{further.item():.9g}")'],
      ...nearer === null ? [] : [`nearer = (bits - 1).view(torch.${format})`, 'print(f"{nearer.item():.9g}")'],
      `step = torch.tensor(${step}).to(torch.${format})`, "total = x",
      `for _ in range(${times}):`, `    total = (total.float() + step.float()).to(torch.${format})`,
      'print(f"{total.item():.9g}")'].join("\n");
  };
  const prints = (state, result) => [`${shown(result.x)} ${binary(result)}`, ...[result.further, result.nearer].filter(one => one !== null).map(shown), shown(result.total)];

  window.executedExplorers.define("floats", {
    title: "Floats: what do the bits say?",
    controls: /* controls */ [
      {"key": "format", "label": "Format", "kind": "choice", "value": "bfloat16", "options": ["float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]},
      {"key": "value", "label": "Number", "kind": "text", "max": 24, "value": "0.1"},
      {"key": "step", "label": "Add to it", "kind": "scale", "values": [0.0001, 0.001, 0.01, 0.1, 1, 10], "value": 0.001},
      {"key": "times", "label": "so many times", "kind": "scale", "values": [1, 10, 100, 1000], "value": 100}
    ] /* end */,
    model, view, say, code, prints,
  });
})();
