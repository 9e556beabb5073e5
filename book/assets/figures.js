// On a phone a figure is as wide as its labels need, and scrolls in a frame of its own. A tap lets
// it fill the screen.
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

  const frames = [];
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
    const frame = document.createElement("div");
    frame.className = "figure-frame";
    frame.style.setProperty("--drawn", figure.getAttribute("width"));
    figure.replaceWith(frame);
    frame.append(figure);
    frame.after(open);
    frames.push(frame);
  }

  // What scrolls can be reached and named by keyboard and screen reader; what fits, needs neither.
  const fit = () => {
    for (const frame of frames) {
      const scrolls = frame.scrollWidth > frame.clientWidth;
      for (const [name, value] of [["tabindex", "0"], ["role", "group"], ["aria-label", "Figure, wider than the screen"]]) {
        if (scrolls) frame.setAttribute(name, value); else frame.removeAttribute(name);
      }
    }
  };
  fit();
  addEventListener("resize", fit);
});
