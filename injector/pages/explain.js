"use strict";
// The page is whole without this: it filters the list and the tables of layers, and opens folds.
const wordsOf = (input) => input.value.toLowerCase().split(/\s+/).filter(Boolean);
const holds = (element, words) => {
  const text = element.textContent.toLowerCase();
  return words.every((word) => text.includes(word));
};
const tables = [];
for (const box of document.querySelectorAll("[data-layers]")) {
  const line = box.querySelector(".filter");
  const input = line && line.querySelector("[type=search]");
  const count = line && line.querySelector("[role=status]");
  const all = count && count.textContent;
  const rows = [...box.querySelectorAll("tbody tr:not(.part)")];
  const apply = (only) => {
    const words = line ? wordsOf(input) : [];
    let shown = 0;
    for (const row of rows) {
      const part = row.parentElement.firstElementChild;
      const rest = words.filter((word) => !holds(part, [word]));
      row.hidden = (only && row.className === "profile") || !holds(row, rest);
      shown += row.hidden ? 0 : 1;
    }
    for (const part of box.querySelectorAll("tbody")) {
      part.hidden = !part.querySelector("tr:not(.part):not([hidden])");
    }
    if (line) {
      count.textContent = shown === rows.length ? all : `${shown} of ${all}`;
      line.hidden = false;
    }
  };
  tables.push(apply);
  if (line) {
    input.addEventListener("input", () => apply(line.querySelector("[data-own]").checked));
  }
}
const switches = [...document.querySelectorAll("[data-own]")];
for (const own of switches) {
  own.addEventListener("change", () => {
    switches.forEach((other) => { other.checked = own.checked; });
    tables.forEach((apply) => apply(own.checked));
  });
}
tables.forEach((apply) => apply(switches.length > 0));
for (const list of document.querySelectorAll("[data-list]")) {
  const items = [...list.querySelectorAll(".contents > li")];
  const answers = [...document.querySelectorAll("article")];
  const count = list.querySelector("[role=status]");
  const all = count.textContent;
  const [result, reason, text, near] = list.querySelectorAll("select, input");
  const wordOf = (item, css) => item.querySelector(css).textContent;
  const apply = () => {
    const words = wordsOf(text);
    let shown = 0;
    items.forEach((item, i) => {
      item.hidden = (result.value && wordOf(item, ".word") !== result.value)
        || (reason.value && wordOf(item, ".reason") !== reason.value)
        || (near.checked && !item.querySelector(".near")) || !holds(item, words);
      answers[i].hidden = item.hidden;
      shown += item.hidden ? 0 : 1;
    });
    count.textContent = shown === items.length ? all : `${shown} of ${all}`;
  };
  for (const field of [result, reason, text, near]) {
    field.addEventListener("input", apply);
    field.addEventListener("change", apply);
  }
  list.querySelector(".filter").hidden = false;
  apply();
}
for (const button of document.querySelectorAll("[data-unfold]")) {
  const folds = [...button.parentElement.querySelectorAll("details")];
  button.hidden = folds.length === 0;
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(open));
    for (const fold of folds) {
      fold.open = open;
    }
  });
}
// Not every browser opens a fold for a link into it, and a filter may have hidden the workload.
const reveal = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const answer = target && target.closest("article");
  if (answer) {
    answer.hidden = false;
    answer.querySelector("details").open = true;
    target.scrollIntoView();
  }
};
addEventListener("hashchange", reveal);
reveal();
