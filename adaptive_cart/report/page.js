"use strict";
// tables: a click on a head sorts the rows of each group; groups stay where they are
function key(cell) {
  const text = cell.textContent.trim().replace(/\u2212/g, "-").replace(/,/g, "");
  const number = parseFloat(text);
  return Number.isNaN(number) ? text.toLowerCase() : number;
}
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1;
  if (typeof b === "number") return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
document.querySelectorAll("table.sortable thead th").forEach((head, column) => {
  const button = document.createElement("button");
  button.type = "button";
  while (head.firstChild) button.append(head.firstChild);
  head.append(button);
  button.addEventListener("click", () => {
    const place = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "ascending";
    head.parentElement.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0];
    let group = [];
    const flush = (before) => {
      group.sort((a, b) => compare(key(a.cells[place]), key(b.cells[place])) * (down ? -1 : 1));
      group.forEach((row) => body.insertBefore(row, before));
      group = [];
    };
    Array.from(body.rows).forEach((row) => {
      if (row.classList.contains("group")) flush(row);
      else group.push(row);
    });
    flush(null);
  });
});
// the banner hides no heading that a link leads to; a table that is too wide says that it scrolls
const banner = document.querySelector(".draft");
function fit() {
  const height = banner ? banner.offsetHeight : 0;
  document.documentElement.style.setProperty("--banner", height + "px");
  document.querySelectorAll(".wrap").forEach((wrap) => {
    wrap.classList.toggle("scrolls", wrap.scrollWidth > wrap.clientWidth + 1);
  });
}
addEventListener("resize", fit);
fit();
if (location.hash) {  // the place was sought before the height of the banner was known
  const there = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (there) there.scrollIntoView();
}
// figures: a click makes one large, another or Escape makes it small; marks tell their values
const value = document.createElement("div");
value.id = "value";
value.hidden = true;
document.body.append(value);
document.querySelectorAll("figure svg").forEach((picture) => {
  picture.addEventListener("click", () => picture.closest("figure").classList.toggle("large"));
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll("figure.large").forEach((figure) => figure.classList.remove("large"));
});
document.querySelectorAll(".values circle").forEach((spot) => {
  const title = spot.querySelector("title");
  const words = title.textContent;
  spot.setAttribute("aria-label", words);
  title.remove();
  spot.addEventListener("mousemove", (event) => {
    value.textContent = words;
    value.hidden = false;
    value.style.left = Math.min(event.clientX + 12, innerWidth - 240) + "px";
    value.style.top = event.clientY + 12 + "px";
  });
  spot.addEventListener("mouseleave", () => { value.hidden = true; });
});
