// A figure fills the screen when it is tapped: labels that are small on a phone can be read.
document.addEventListener("DOMContentLoaded", () => {
  const figures = document.querySelectorAll(".cell_output img");
  if (!figures.length || !("HTMLDialogElement" in window)) return;

  const dialog = document.createElement("dialog");
  dialog.className = "figure-dialog";
  dialog.setAttribute("aria-label", "Figure");
  const close = document.createElement("button");
  close.className = "figure-close";
  close.textContent = "Close";
  const box = document.createElement("div");
  box.className = "figure-box";
  box.tabIndex = 0;
  dialog.append(close, box);
  document.body.append(dialog);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });

  for (const figure of figures) {
    const show = () => {
      const copy = figure.cloneNode();
      copy.loading = "eager";
      copy.style.setProperty("--width", figure.getAttribute("width"));
      copy.style.setProperty("--height", figure.getAttribute("height"));
      box.replaceChildren(copy);
      dialog.showModal();
    };
    const open = document.createElement("button");
    open.className = "figure-open";
    open.textContent = "Enlarge";
    open.addEventListener("click", show);
    figure.addEventListener("click", show);
    figure.after(open);
  }
});
