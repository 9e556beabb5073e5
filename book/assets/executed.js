// Words and names for what the theme leaves without: folded cells and scrollable boxes.
document.addEventListener("DOMContentLoaded", () => {
  // A label that differs from the words on a button confuses speech control.
  for (const button of document.querySelectorAll(".search-button__button, .theme-switch-button")) {
    const label = button.getAttribute("aria-label");
    button.removeAttribute("aria-label");
    if (!button.textContent.trim()) {
      const words = document.createElement("span");
      words.className = "visually-hidden";
      words.textContent = label;
      button.append(words);
    }
  }
  document.querySelector(".bd-sidebar-primary")?.setAttribute("role", "complementary");
  document.querySelector(".bd-sidebar-primary")?.setAttribute("aria-label", "Book");
  for (const details of document.querySelectorAll("details.hide")) {
    const cell = details.closest("div.cell");
    const kind = cell && cell.classList.contains("tag_solution") ? "the solution" : "the answer";
    const summary = details.querySelector("summary");
    if (!summary) continue;
    summary.removeAttribute("aria-label");
    const label = summary.querySelector("span") || summary;
    const write = () => { label.textContent = (details.open ? "Hide " : "Show ") + kind; };
    for (const extra of [...summary.children].slice(1)) extra.remove();
    details.addEventListener("toggle", write);
    write();
  }
  for (const box of document.querySelectorAll("div.highlight pre, div.cell_output pre, .pst-scrollable-table-container, .math")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
});
