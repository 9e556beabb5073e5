// What the explorers share: labelled fields, the state in the address, the drawing, the code to copy.
// An explorer's file calls executedExplorers.define(name, parts) with
//   title, controls   the fields, as JSON that helpers.explorers reads as well
//   model(state)      numbers from a state; {error} where PyTorch raises. Touches no page.
//   view(state, result, width, tools)   what is drawn;  say(state, result)   the same in a sentence
//   press, drag   what a pointer does with what is drawn;  actions   buttons that change the state
//   code(state, result)   the PyTorch code;  prints(state, result)   the lines that it prints
(() => {
  if (window.executedExplorers) return;
  const fill = (element, given, children) => {
    for (const [key, value] of Object.entries(given)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value !== false && value != null) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.flat(Infinity).filter(one => one !== false && one != null));
    return element;
  };
  const h = (name, given = {}, ...children) => fill(document.createElement(name), given, children);
  const s = (name, given = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", name), given, children);

  const add = (element, ...children) => fill(element, {}, children);

  // As Python's f"{x:.5g}" writes a number.
  const g = (x, digits = 5) => {
    if (Number.isNaN(x)) return "nan";
    if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
    if (x === 0) return Object.is(x, -0) ? "-0" : "0";
    const [mantissa, power] = x.toExponential(digits - 1).split("e");
    const strip = text => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
    if (power >= -4 && power < digits) return strip(Number(x).toFixed(Math.max(0, digits - 1 - power)));
    return `${strip(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  };
  const tuple = list => `(${list.join(", ")}${list.length === 1 ? "," : ""})`;
  const list = value => Array.isArray(value) ? `[${value.map(list).join(", ")}]` : String(value);

  // The fields: what a text from an address or a value from a notebook means, null where it is wrong.
  const onGrid = (x, least, most, step) => typeof x === "number" && Number.isFinite(x) && x >= least && x <= most &&
    Math.abs((x - least) / step - Math.round((x - least) / step)) < 1e-6;
  const read = (control, given) => {
    const {kind} = control;
    if (kind === "number") {
      const x = given === "" || typeof given === "boolean" ? NaN : Number(given);
      return onGrid(x, control.min, control.max, control.step || 1) ? x : null;
    }
    if (kind === "scale") return control.values.includes(Number(given)) ? Number(given) : null;
    if (kind === "choice") return control.options.includes(given) ? given : null;
    if (kind === "flag") return [true, "true", "1"].includes(given) ? true : [false, "false", "0"].includes(given) ? false : null;
    if (kind === "text") return typeof given === "string" && given.length <= control.max ? given : null;
    const rows = given === "" ? [] : typeof given === "string" ? given.split(";").map(row => row.split(",").map(Number)) : given;
    const fits = row => row.length === control.columns.length &&
      row.every((x, i) => onGrid(x, control.min[i], control.max[i], control.step[i]));
    return Array.isArray(rows) && rows.length >= control.least && rows.length <= control.most && rows.every(fits) ? rows : null;
  };
  const written = value => Array.isArray(value) ? value.map(row => row.join(",")).join(";") : String(value);
  const isShown = (control, state) => Object.entries(control.when || {}).every(([key, values]) => values.includes(state[key]));
  const defaults = controls => Object.fromEntries(controls.map(one => [one.key, one.value]));

  const STYLE = `
    :host { display: block; margin: 1.2rem 0; container-type: inline-size;
      color: var(--pst-color-text-base, var(--jp-content-font-color1, var(--colab-primary-text-color, CanvasText)));
      --quiet: color-mix(in srgb, currentColor 78%, transparent);
      --rule: color-mix(in srgb, currentColor 26%, transparent);
      --ground: var(--pst-color-background, var(--jp-layout-color0, Canvas));
      --one: #d9480f; --two: #2b7fd4; --three: #2a9461; --four: #9c5bd6; --five: #b07d12;
      font: 0.9rem/1.45 var(--pst-font-family-base, system-ui, sans-serif); }
    .box { border: 1px solid var(--rule); border-radius: 0.4rem; padding: 0.7rem 0.9rem 0.8rem; }
    .title { margin: 0 0 0.5rem; font: 600 1rem/1.3 var(--pst-font-family-heading, system-ui, sans-serif); }
    .fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(8.4rem, 100%), 1fr)); gap: 0.35rem 1.2rem; margin: 0 0 0.6rem; }
    .field { display: grid; grid-template-columns: 1fr auto; align-items: baseline; gap: 0 0.5rem; min-width: 0; }
    .field[hidden] { display: none; }
    .field > input:not([type=checkbox]), .field > select { grid-column: 1 / -1; width: 100%; min-width: 0; }
    .wide { grid-column: 1 / -1; } .double { grid-column: span 2; }
    .rows { display: grid; grid-template-columns: inherit; gap: inherit; }
    label { color: var(--quiet); }
    output { font-variant-numeric: tabular-nums; font-weight: 600; }
    input[type=range] { accent-color: var(--one); height: 1.5rem; margin: 0; }
    input[type=checkbox] { accent-color: var(--one); width: 1.05rem; height: 1.05rem; }
    select, input[type=text], button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--rule);
      border-radius: 0.25rem; padding: 0.2rem 0.5rem; min-height: 1.9rem; box-sizing: border-box; }
    input[type=text] { font-family: ui-monospace, monospace; }
    button { cursor: pointer; }
    button:hover { border-color: currentColor; }
    :focus-visible { outline: 2px solid var(--two); outline-offset: 2px; }
    .figure { margin: 0.2rem 0 0.4rem; overflow-x: auto; touch-action: manipulation; }
    svg { display: block; max-width: 100%; overflow: visible; }
    text { fill: currentColor; font: 12px var(--pst-font-family-base, system-ui, sans-serif); font-variant-numeric: tabular-nums; }
    .small { font-size: 11px; } .quiet { fill: var(--quiet); color: var(--quiet); }
    .mid { text-anchor: middle; } .end { text-anchor: end; } .strong { font-weight: 700; }
    .axis { stroke: var(--rule); fill: none; } .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
    [data-drag] { cursor: move; touch-action: none; } [data-set] { cursor: pointer; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.2rem 0; }
    th, td { padding: 0.1rem 0.7rem 0.1rem 0; text-align: left; } th { font-weight: 500; color: var(--quiet); }
    .say { margin: 0.2rem 0 0.6rem; min-height: 2.9em; }
    .say.wrong { border-left: 3px solid var(--one); padding-left: 0.6rem; }
    .tools + .fields, .tools + details { margin-top: 0.6rem; }
    details { border-top: 1px solid var(--rule); padding-top: 0.4rem; }
    summary { cursor: pointer; color: var(--quiet); width: fit-content; }
    pre { margin: 0.4rem 0 0; padding: 0.5rem 0.6rem; overflow-x: auto; font: 0.8125rem/1.5 ui-monospace, Menlo, Consolas, monospace;
      background: color-mix(in srgb, currentColor 6%, transparent); border-radius: 0.25rem; white-space: pre; }
    pre.prints { background: none; padding-top: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
    .tools { display: flex; flex-wrap: wrap; gap: 0.4rem; margin-top: 0.5rem; align-items: center; }
    .said { color: var(--quiet); }
    @media print { .fields, .tools { display: none; } }`;

  class Explorer extends HTMLElement {
    connectedCallback() {
      if (this.shadowRoot) return;
      const {title, controls} = this.parts;
      this.start = defaults(controls);
      this.take(JSON.parse(this.getAttribute("state") || "{}"), this.start);
      this.state = {...this.start};
      this.fields = {};
      const root = this.attachShadow({mode: "open"});
      this.figure = h("div", {class: "figure"});
      this.sentence = h("p", {class: "say", "aria-live": "polite"});
      this.source = h("code");
      this.printed = h("pre", {class: "prints", "aria-label": "What the code prints", role: "group"});
      this.said = h("span", {class: "said", role: "status"});
      this.buttons = h("div", {class: "tools"}, this.player(),
        h("button", {type: "button", onclick: () => this.set({...this.start})}, "Start again"),
        h("button", {type: "button", onclick: () => this.copy(this.source.textContent, "The code is copied.")}, "Copy the code"),
        h("button", {type: "button", onclick: () => this.link()}, "Link to this state"), this.said);
      const actions = Object.entries(this.parts.actions || {}).map(([name, change]) => h("button", {type: "button",
        onclick: () => this.set(typeof change === "function" ? change(this.state) : change)}, name));
      const turn = [h("div", {class: "fields"}, controls.map(one => this.field(one))),
        actions.length > 0 && h("div", {class: "tools"}, actions)];
      const look = [this.figure, this.sentence];
      root.append(h("style", {}, STYLE), h("div", {class: "box", role: "group", "aria-label": `Explorer: ${title}`},
        h("div", {class: "title"}, title), this.parts.figureFirst ? [look, turn.reverse()] : [turn, look],
        h("details", {open: true}, h("summary", {}, "The same in PyTorch"),
          h("pre", {tabindex: 0, role: "group", "aria-label": "PyTorch code"}, this.source), this.printed),
        this.buttons));
      this.listen();
      this.fromAddress();
      this.draw();
      new ResizeObserver(() => { if (this.width() !== this.drawn) this.draw(); }).observe(this);
      window.addEventListener("hashchange", () => { if (this.fromAddress()) this.draw(); });
    }

    // Takes over what is valid; returns what is not.
    take(given, into) {
      const wrong = [];
      for (const [key, value] of Object.entries(given)) {
        const control = this.parts.controls.find(one => one.key === key);
        const found = control ? read(control, value) : null;
        if (found === null) wrong.push(`${key}=${written(value)}`); else into[key] = found;
      }
      return wrong;
    }

    set(change) {
      Object.assign(this.state, change);
      this.draw();
    }

    // One field
    field(control) {
      const {key, kind, label} = control;
      const give = value => this.set({[key]: value});
      if (kind === "rows") return this.rowsField(control);
      const id = `field-${key}`;
      const value = h("output", {for: id});
      let input, show;
      if (kind === "number" || kind === "scale") {
        const scale = kind === "scale" && control.values;
        input = h("input", {type: "range", id, ...(scale ? {min: 0, max: scale.length - 1, step: 1}
          : {min: control.min, max: control.max, step: control.step || 1}),
        oninput: () => give(scale ? scale[Number(input.value)] : Number(input.value))});
        show = (given, limit) => {
          if (limit !== undefined) input.max = limit;
          const shown = limit === undefined ? given : Math.min(given, limit);
          input.value = scale ? scale.indexOf(given) : shown;
          input.setAttribute("aria-valuetext", value.textContent = String(shown));
        };
      } else if (kind === "choice") {
        input = h("select", {id, onchange: () => give(input.value)}, control.options.map(one => h("option", {value: one}, one)));
        show = given => { input.value = given; };
      } else if (kind === "flag") {
        input = h("input", {type: "checkbox", id, onchange: () => give(input.checked)});
        show = given => { input.checked = given; };
      } else {
        input = h("input", {type: "text", id, maxlength: control.max, autocomplete: "off", spellcheck: "false", oninput: () => give(input.value)});
        show = given => { if (input.value !== given) input.value = given; };
      }
      const box = h("div", {class: `field${control.double ? " double" : ""}`}, h("label", {for: id}, label), kind === "number" || kind === "scale" ? value : "", input);
      this.fields[key] = {box, show};
      return box;
    }

    // A list of rows (points, boxes): one row is chosen and has a field for each column.
    rowsField(control) {
      const {key, columns, one, least, most} = control;
      this.picked = 0;
      const chosen = h("select", {id: `field-${key}`, onchange: () => this.pick(Number(chosen.value))});
      const inputs = columns.map((name, i) => {
        const id = `field-${key}-${i}`;
        const shown = h("output", {for: id});
        const input = h("input", {type: "range", id, min: control.min[i], max: control.max[i], step: control.step[i],
          oninput: () => this.change(key, this.picked, {[i]: Number(input.value)})});
        return {input, shown, box: h("div", {class: "field"}, h("label", {for: id}, name), shown, input)};
      });
      const add = h("button", {type: "button", onclick: () => {
        this.picked = this.state[key].length;
        this.set({[key]: [...this.state[key], control.fresh]});
      }}, `Add a ${one}`);
      const remove = h("button", {type: "button", onclick: () => {
        const rows = this.state[key].filter((_, i) => i !== this.picked);
        this.picked = Math.max(0, this.picked - 1);
        this.set({[key]: rows});
      }}, `Remove this ${one}`);
      const box = h("div", {class: "rows wide"},
        h("div", {class: "field"}, h("label", {for: chosen.id}, control.label), chosen), inputs.map(each => each.box),
        h("div", {class: "tools wide"}, add, remove));
      this.fields[key] = {box, show: rows => {
        this.picked = Math.max(0, Math.min(this.picked, rows.length - 1));
        if (chosen.options.length !== rows.length) chosen.replaceChildren(...rows.map((_, i) => h("option", {value: i}, `${one} ${i}`)));
        chosen.value = this.picked;
        chosen.disabled = !rows.length;
        inputs.forEach(({input, shown}, i) => {
          input.disabled = !rows.length;
          if (rows.length) input.value = rows[this.picked][i];
          input.setAttribute("aria-valuetext", shown.textContent = rows.length ? String(rows[this.picked][i]) : "");
        });
        add.disabled = rows.length >= most;
        remove.disabled = rows.length <= least;
      }};
      return box;
    }
    pick(index) { this.picked = index; this.draw(); }
    change(key, index, values) {
      const control = this.parts.controls.find(one => one.key === key);
      this.picked = index;
      const row = this.state[key][index].map((old, i) => {
        if (!(i in values)) return old;
        const {min: {[i]: least}, max: {[i]: most}, step: {[i]: step}} = control;
        return Number(Math.min(most, Math.max(least, least + Math.round((values[i] - least) / step) * step)).toFixed(6));
      });
      const fixed = this.parts.mend ? this.parts.mend(row, this.state[key][index]) : row;
      this.set({[key]: this.state[key].map((old, i) => i === index ? fixed : old)});
    }

    // Steps through one field, where the reader starts it.
    player() {
      const {play} = this.parts;
      if (!play) return "";
      const stop = () => { clearInterval(this.timer); this.timer = null; button.textContent = "Play"; };
      const button = h("button", {type: "button", onclick: () => {
        if (this.timer) return stop();
        button.textContent = "Stop";
        const last = () => this.limits[play] ?? this.parts.controls.find(one => one.key === play).max;
        const first = this.parts.controls.find(one => one.key === play).min;
        if (this.state[play] >= last()) this.set({[play]: first});
        this.timer = setInterval(() => {
          if (!this.isConnected || this.state[play] >= last()) return stop();
          this.set({[play]: this.state[play] + 1});
        }, this.parts.pace || 500);
      }}, "Play");
      return button;
    }

    // What is drawn can be clicked (data-set) and dragged (data-drag); the fields do the same.
    listen() {
      const place = event => {
        const box = this.figure.querySelector("svg").getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
      };
      this.figure.addEventListener("click", event => {
        const target = event.target.closest("[data-set]");
        if (target) this.set(JSON.parse(target.dataset.set));
      });
      this.figure.addEventListener("pointerdown", event => {
        const target = event.target.closest("[data-drag]");
        if (!target) return;
        event.preventDefault();
        const what = target.dataset.drag;
        const before = place(event), held = {...this.state};
        if (this.parts.press) this.parts.press(what, before, this);
        const move = moved => {
          const now = place(moved);
          this.parts.drag(what, now, [now[0] - before[0], now[1] - before[1]], this, held);
        };
        const end = () => { window.removeEventListener("pointermove", move); window.removeEventListener("pointerup", end); window.removeEventListener("pointercancel", end); };
        window.addEventListener("pointermove", move);
        window.addEventListener("pointerup", end);
        window.addEventListener("pointercancel", end);
      });
    }

    // The address
    get mark() {
      const same = [...document.querySelectorAll(this.localName)];
      const place = same.indexOf(this);
      return this.parts.name + (place > 0 ? `-${place + 1}` : "");
    }
    fromAddress() {
      const [name, query] = location.hash.slice(1).split("?");
      if (query === undefined || name !== this.mark) return false;
      const wrong = this.take(Object.fromEntries(new URLSearchParams(query)), this.state);
      this.said.textContent = wrong.length ? `Not used from the address: ${wrong.join(", ")}` : "";
      this.scrollIntoView();
      return true;
    }
    link() {
      const changed = this.parts.controls.filter(({key, value}) => written(this.state[key]) !== written(value));
      const query = changed.map(({key}) => `${key}=${encodeURIComponent(written(this.state[key])).replace(/%2C/g, ",").replace(/%3B/g, ";")}`).join("&");
      try { history.replaceState(history.state, "", `#${this.mark}?${query}`); } catch { /* a frame without an address */ }
      this.copy(location.href, "The address is copied.");
    }
    async copy(text, words) {
      try {
        await navigator.clipboard.writeText(text);
        this.said.textContent = words;
      } catch { this.said.textContent = "The browser refused to copy."; }
    }

    width() { return Math.max(260, Math.min(720, Math.floor(this.figure.clientWidth))); }

    draw() {
      const {parts, state, figure} = this;
      const result = parts.model(state);
      this.limits = result.limits || {};
      for (const control of parts.controls) {
        const {box, show} = this.fields[control.key];
        box.hidden = !isShown(control, state);
        show(state[control.key], this.limits[control.key]);
      }
      const held = this.shadowRoot.activeElement?.dataset?.key;
      this.drawn = this.width();
      const words = result.error || parts.say(state, result);
      figure.replaceChildren(...[parts.view(state, result, this.drawn, this)].flat(Infinity).filter(Boolean));
      for (const drawing of figure.querySelectorAll("svg")) {
        if (drawing.hasAttribute("aria-hidden")) continue;
        drawing.setAttribute("role", "img");
        drawing.setAttribute("aria-label", `${parts.title}, drawn. The sentence below says what it shows.`);
      }
      if (held) figure.querySelector(`[data-key="${held}"]`)?.focus();
      this.sentence.classList.toggle("wrong", Boolean(result.error));
      if (this.sentence.textContent !== words) this.sentence.textContent = words;
      this.source.textContent = parts.code(state, result);
      this.printed.textContent = (result.error ? [result.error] : parts.prints(state, result)).join("\n");
    }
  }

  // Drawing: a frame with two axes, and paths in it.
  const ticks = (low, high, count = 4) => {
    const raw = (high - low) / count, base = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map(one => one * base).find(one => one >= raw * 0.85);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
    return found;
  };
  const chart = ({width, height, x, y, xLabel, yLabel, left = 46, bottom = 34, top = 16, right = 10, log = false, flip = false}) => {
    const span = [left, width - right, height - bottom, top];
    const toY = value => log ? Math.log10(value) : value;
    const low = toY(y[0]), high = toY(y[1]);
    const px = value => span[0] + (value - x[0]) / (x[1] - x[0]) * (span[1] - span[0]);
    const py = value => flip ? span[3] + (toY(value) - low) / (high - low) * (span[2] - span[3])
      : span[2] - (toY(value) - low) / (high - low) * (span[2] - span[3]);
    const marks = log ? ticks(low, high, 4).filter(Number.isInteger).map(one => 10 ** one) : ticks(y[0], y[1], 4);
    const node = s("svg", {width, height, viewBox: `0 0 ${width} ${height}`},
      marks.map(one => [s("line", {class: "axis", x1: span[0], x2: span[1], y1: py(one), y2: py(one), "stroke-opacity": 0.5}),
        s("text", {class: "small end quiet", x: left - 5, y: py(one) + 4}, log ? g(one, 2) : g(Number(one.toPrecision(6)), 6))]),
      ticks(x[0], x[1], width < 420 ? 4 : 6).map(one => [s("line", {class: "axis", x1: px(one), x2: px(one), y1: span[2], y2: span[2] + 4}),
        s("text", {class: "small mid quiet", x: px(one), y: span[2] + 16}, g(Number(one.toPrecision(6)), 6))]),
      s("line", {class: "axis", x1: span[0], x2: span[1], y1: span[2], y2: span[2]}),
      s("text", {class: "small end quiet", x: span[1], y: height - 3}, xLabel),
      s("text", {class: "small quiet", x: 0, y: 10}, yLabel));
    return {node, px, py, span};
  };
  const path = (points, frame) => points.map(([x, y], i) => `${i ? "L" : "M"}${frame.px(x).toFixed(1)},${frame.py(y).toFixed(1)}`).join("");

  // Lines of equal height, by marching squares: one path for each level.
  const contours = (f, frame, x, y, levels, count = 56) => {
    const step = [(x[1] - x[0]) / count, (y[1] - y[0]) / count];
    const values = Array.from({length: count + 1}, (_, j) => Array.from({length: count + 1}, (_, i) => f(x[0] + i * step[0], y[0] + j * step[1])));
    const corner = [[0, 0], [1, 0], [1, 1], [0, 1]];
    return levels.map((level, rank) => {
      const pieces = [];
      for (let j = 0; j < count; j++) for (let i = 0; i < count; i++) {
        const cuts = [];
        for (let k = 0; k < 4; k++) {
          const [a, b] = [corner[k], corner[(k + 1) % 4]], [u, v] = [values[j + a[1]][i + a[0]] - level, values[j + b[1]][i + b[0]] - level];
          if ((u < 0) === (v < 0)) continue;
          const share = u / (u - v);
          cuts.push([x[0] + (i + a[0] + share * (b[0] - a[0])) * step[0], y[0] + (j + a[1] + share * (b[1] - a[1])) * step[1]]);
        }
        for (let k = 0; k + 1 < cuts.length; k += 2) pieces.push(path(cuts.slice(k, k + 2), frame));
      }
      return s("path", {d: pieces.join(""), fill: "none", stroke: "currentColor", "stroke-opacity": 0.16 + 0.3 * (1 - rank / levels.length)});
    });
  };

  // A table of numbers as cells; mark(row, column) gives a fill, a stroke or faint text.
  const grid = (values, {x = 0, y = 0, size, mark = () => ({}), set}) => s("g", {}, values.map((row, r) => row.map((value, c) => {
    const {fill: ground = "none", stroke = "var(--rule)", faint, thick} = mark(r, c, value) || {};
    return s("g", set ? {"data-set": JSON.stringify(set(r, c))} : {},
      s("rect", {x: x + c * size, y: y + r * size, width: size, height: size, fill: ground === "none" ? "transparent" : ground, stroke, "stroke-width": thick ? 2.5 : 1}),
      size >= 15 && value !== "" && s("text", {class: `mid${size < 22 ? " small" : ""}`, x: x + (c + 0.5) * size, y: y + (r + 0.5) * size + 4,
        ...(faint ? {class: `mid quiet${size < 22 ? " small" : ""}`} : {})}, value));
  })));
  const tint = (colour, share = 26) => `color-mix(in srgb, var(--${colour}) ${share}%, transparent)`;

  window.executedExplorers = {
    kit: {h, s, add, g, tuple, list, chart, path, contours, grid, tint, ticks, read, defaults},
    define(name, parts) {
      if (customElements.get(`explorer-${name}`)) return;
      const complete = {name, ...parts};
      this[name] = complete;
      customElements.define(`explorer-${name}`, class extends Explorer { get parts() { return complete; } });
    },
  };
})();
