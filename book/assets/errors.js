// The page Errors: finds the entries of the atlas that are most like a pasted text.
(() => {
  // Numbers, shapes and punctuation differ from case to case: words alone are compared.
  const words = text => text.toLowerCase().match(/[a-z_]{2,}/g) || [];
  const grams = text => {
    const found = words(text);
    return new Set([...found, ...found.slice(1).map((word, i) => `${found[i]} ${word}`)]);
  };
  // A paste is looked at line by line; where a line names an error, with what follows it as well.
  const candidates = text => {
    const lines = text.split(/\r?\n/).map(line => line.trim()).filter(line => words(line).length > 1);
    const tails = lines.flatMap((line, i) =>
      /^[\w.]*(Error|Warning|Exception)\b/.test(line) ? [lines.slice(i, i + 4).join(" ")] : []);
    return [...new Set([...lines, ...tails])].map(grams);
  };

  // entries: [{anchor, texts}]. Returns [{anchor, score}] of those that match, the best first.
  const matcher = entries => {
    const all = entries.map(entry => entry.texts.map(grams));
    const often = new Map();
    for (const texts of all)
      for (const gram of new Set(texts.flatMap(text => [...text]))) often.set(gram, (often.get(gram) || 0) + 1);
    // What few entries have tells more; what none has counts against a match.
    const weight = gram => Math.log(1 + entries.length / (often.get(gram) || 1));
    const total = set => [...set].reduce((sum, gram) => sum + weight(gram), 0);
    const likeness = (entry, paste) => {
      const shared = total([...entry].filter(gram => paste.has(gram)));
      const [ofEntry, ofPaste] = [total(entry), total(paste)];
      return 0.5 * Math.max(shared / ofEntry, 0.9 * shared / ofPaste) + shared / (ofEntry + ofPaste);
    };
    return text => {
      const pastes = candidates(text);
      if (!pastes.length) return [];
      const scored = entries.map(({anchor}, i) =>
        ({anchor, score: Math.max(...all[i].flatMap(one => pastes.map(paste => likeness(one, paste))))}));
      scored.sort((a, b) => b.score - a.score);
      const least = Math.max(0.45, 0.7 * scored[0].score);
      return scored.filter(({score}) => score >= least).slice(0, 3);
    };
  };
  window.executedErrors = matcher;

  document.addEventListener("DOMContentLoaded", () => {
    const [data, form, field, status, list] = ["data", "form", "paste", "status", "found"]
      .map(name => document.getElementById(`errors-${name}`));
    if (!data || !form) return;
    const find = matcher(JSON.parse(data.textContent));
    const items = new Map([...document.querySelectorAll(".errors-list > li")]
      .map(item => [item.querySelector("a").hash.slice(1), item]));
    const show = () => {
      const text = field.value;
      const found = find(text);
      list.replaceChildren(...found.map(({anchor}) => items.get(anchor).cloneNode(true)));
      list.hidden = !found.length;
      const many = found.length === 1 ? "One entry matches." : `${found.length} entries match; the best is first.`;
      status.textContent = !text.trim() ? "" : found.length ? many :
        "Nothing in the atlas matches. Try the last line of the traceback alone.";
    };
    form.hidden = false;
    form.addEventListener("submit", event => { event.preventDefault(); show(); });
    form.addEventListener("reset", () => setTimeout(show));
    field.addEventListener("input", show);
    show(); // a browser may have kept what stood in the field
  });
})();
