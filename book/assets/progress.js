// What the reader does is kept in this browser: guesses, chapters read, exercises solved.
document.addEventListener("DOMContentLoaded", () => {
  const KEY = "pytorch-executed";
  const empty = () => ({guesses: {}, read: {}, solved: {}});

  // A browser may refuse storage, and a stored text may be of another time.
  const load = () => {
    try {
      const found = JSON.parse(localStorage.getItem(KEY));
      const kept = empty();
      for (const part in kept) if (found && typeof found[part] === "object") kept[part] = found[part];
      return kept;
    } catch { return empty(); }
  };
  const save = change => {
    const state = load();
    change(state);
    try { localStorage.setItem(KEY, JSON.stringify(state)); } catch { /* private window: not kept */ }
  };
  const make = (name, options = {}, ...children) => {
    const element = Object.assign(document.createElement(name), options);
    element.append(...children);
    return element;
  };
  const chapter = (location.pathname.match(/(\d\d_\w+)\.html$/) || [])[1];

  // Guess, then look.
  const numbers = text => (text.match(/(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?![\w.])/gi) || []).map(Number);
  const tolerance = (cell, name) => {
    const tag = [...cell.classList].find(one => one.startsWith(`tag_${name}=`));
    return tag ? Number(tag.split("=")[1]) : 0;
  };
  // true, false, or null where only the reader can say whether the guess agrees.
  const agrees = (guess, answer, cell) => {
    const words = answer.trim();
    if (/^(True|False)$/.test(words)) return guess.trim().toLowerCase() === words.toLowerCase();
    const [said, found] = [numbers(guess), numbers(words)];
    if (found.length !== 1 || said.length !== 1) return null;
    const digits = (words.match(/\.(\d+)/) || ["", ""])[1].length;
    const allowed = Math.max(tolerance(cell, "atol") + tolerance(cell, "rtol") * Math.abs(found[0]), 0.5 * 10 ** -digits);
    return Math.abs(said[0] - found[0]) <= allowed * (1 + 1e-9);
  };

  const ask = cell => {
    const details = cell.querySelector("details.hide");
    const output = cell.querySelector(".cell_output");
    if (!details || !output || !cell.id) return;
    // The texts alone: a copy button has words of its own.
    const answer = [...output.querySelectorAll("pre")].map(text => text.textContent).join("\n");
    const place = `${chapter}#${cell.id}`;
    const verdict = make("p", {className: "guess-verdict"});
    verdict.setAttribute("aria-live", "polite");
    const compare = guess => {
      if (!guess.trim()) { verdict.textContent = "Write a guess first, or just open the answer."; return; }
      save(state => { state.guesses[place] = guess; });
      details.open = true;
      const same = agrees(guess, answer, cell);
      const mark = same === null ? "Compare it with the output below." : same ? "It agrees with the output below." : "The output below says otherwise.";
      verdict.textContent = `Your guess: ${guess.trim()}. ${mark}`;
    };
    let form;
    if (/^(True|False)$/.test(answer.trim())) {
      form = make("div", {className: "guess"}, make("span", {textContent: "Your guess"}));
      form.setAttribute("role", "group");
      form.setAttribute("aria-label", "Your guess");
      for (const word of ["True", "False"]) {
        form.append(make("button", {type: "button", textContent: word, onclick: () => compare(word)}));
      }
    } else {
      const field = make("input", {type: "text", autocomplete: "off", value: load().guesses[place] || ""});
      const label = make("label", {}, "Your guess ", field);
      form = make("form", {className: "guess"}, label, make("button", {textContent: "Guess and look"}));
      form.addEventListener("submit", event => { event.preventDefault(); compare(field.value); });
    }
    details.before(form, verdict);
  };
  for (const cell of document.querySelectorAll("div.cell.tag_predict")) ask(cell);

  // Exercises and chapters are ticked by the reader.
  const tick = (part, name, words) => {
    const box = make("input", {type: "checkbox", checked: Boolean(load()[part][name])});
    box.addEventListener("change", () => save(state => {
      if (box.checked) state[part][name] = true; else delete state[part][name];
    }));
    return make("label", {className: "tick"}, box, ` ${words}`);
  };
  if (chapter) {
    for (const heading of document.querySelectorAll("article h3")) {
      const number = (heading.textContent.match(/^Exercise (\d+\.\d+)/) || [])[1];
      if (number) heading.after(make("p", {}, tick("solved", number, "I have solved it")));
    }
    const title = document.querySelector("article h1");
    const end = [...document.querySelectorAll("article h2")].find(h => h.textContent.startsWith("Where to go next"));
    if (title && end) end.before(make("p", {}, tick("read", chapter, "I have read this chapter")));
  }

  // The landing page's map.
  for (const card of document.querySelectorAll("a.course-card")) {
    const name = (card.getAttribute("href").match(/(\d\d_\w+)\.html$/) || [])[1];
    const state = load(), words = [];
    const count = Object.keys(state.solved).filter(one => one.split(".")[0] === String(Number(name.slice(0, 2)))).length;
    const guesses = Object.keys(state.guesses).filter(one => one.startsWith(`${name}#`)).length;
    if (state.read[name]) words.push("read");
    if (guesses) words.push(`${guesses} guess${guesses > 1 ? "es" : ""}`);
    if (count) words.push(`${count} exercise${count > 1 ? "s" : ""} solved`);
    if (words.length) card.append(make("em", {className: "done", textContent: words.join(" · ")}));
  }

  // Export, import, delete.
  const tools = document.getElementById("your-progress");
  if (!tools) return;
  const said = make("p");
  said.setAttribute("aria-live", "polite");
  const show = words => {
    const state = load();
    const counts = ["read", "guesses", "solved"].map(part => Object.keys(state[part]).length);
    said.textContent = `${words} Chapters read: ${counts[0]}, guesses: ${counts[1]}, exercises solved: ${counts[2]}.`;
  };
  const button = (words, action) => make("button", {type: "button", textContent: words, onclick: action});
  const file = make("input", {type: "file", accept: "application/json", hidden: true});
  file.addEventListener("change", async () => {
    try {
      const given = JSON.parse(await file.files[0].text());
      if (!Object.keys(empty()).every(part => given[part] && typeof given[part] === "object")) throw new Error();
      save(state => Object.assign(state, given));
      show("Imported.");
    } catch { show("This file is not an export of this page; nothing was changed."); }
    file.value = "";
  });
  tools.append(
    button("Export", () => {
      const link = make("a", {download: "pytorch-executed.json"});
      link.href = URL.createObjectURL(new Blob([JSON.stringify(load(), null, 1)], {type: "application/json"}));
      link.click();
      URL.revokeObjectURL(link.href);
      show("Exported.");
    }),
    button("Import", () => file.click()), file,
    button("Delete", () => { try { localStorage.removeItem(KEY); } catch { /* nothing was kept */ } show("Deleted."); }),
    said,
  );
  show("");
});
