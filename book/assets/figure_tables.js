// The data below a figure: a table where it is opened, and a button that saves it as CSV.
document.addEventListener("DOMContentLoaded", () => {
  const cells = line => [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)]
    .map(found => found[1].replace(/^"|"$/g, "").replaceAll('""', '"')).slice(0, 6);

  const opened = (details, number) => {
    const pre = details.querySelector("pre.figure-csv");
    if (!pre) return;
    const lines = pre.textContent.split("\n");
    const rows = lines.filter(line => !line.startsWith("# panel "));
    const table = document.createElement("table");
    const caption = table.createCaption();
    caption.textContent = lines.filter(line => line.startsWith("# panel "))
      .map(line => line.slice(2)).join(" · ");
    for (const [index, line] of rows.entries()) {
      const row = (index ? table.tBodies[0] || table.createTBody() : table.createTHead()).insertRow();
      for (const text of cells(line)) {
        const cell = document.createElement(index ? "td" : "th");
        if (!index) cell.scope = "col";
        cell.textContent = text;
        row.append(cell);
      }
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "figure-save";
    button.textContent = "Save as CSV";
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([rows.join("\n") + "\n"], {type: "text/csv"}));
      link.download = "figure.csv";
      link.click();
      URL.revokeObjectURL(link.href);
    });
    const box = document.createElement("div");
    box.className = "figure-table";
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `Data of figure ${number + 1}`);
    box.append(table);
    pre.replaceWith(button, box);
  };
  for (const [number, details] of document.querySelectorAll("details.figure-data").entries()) {
    details.addEventListener("toggle", () => details.open && opened(details, number));
  }
});
