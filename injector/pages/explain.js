"use strict";
// The page is whole without this: it filters the table of layers, and opens all folds at once.
for (const box of document.querySelectorAll("[data-filter]")) {
  const line = box.querySelector(".filter");
  const input = line.querySelector("input");
  const count = line.querySelector("[role=status]");
  const rows = [...box.querySelectorAll("[data-row]")];
  const all = count.textContent;
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const part = row.parentElement.firstElementChild.textContent;
      const text = `${part} ${row.textContent}`.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    for (const part of box.querySelectorAll("tbody")) {
      part.hidden = !part.querySelector("[data-row]:not([hidden])");
    }
    count.textContent = words.length ? `${shown} of ${all}` : all;
  };
  input.addEventListener("input", apply);
  line.hidden = false;
  apply();
}
for (const box of document.querySelectorAll("[data-folds]")) {
  const folds = [...box.querySelectorAll("details")];
  const button = box.querySelector("[data-unfold]");
  button.hidden = folds.length === 0;
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(open));
    for (const fold of folds) {
      fold.open = open;
    }
  });
}
