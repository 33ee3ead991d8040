// Light and dark; and on the overview, the cards that hold all words of the search.
document.getElementById("theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch (error) { /* some browsers keep nothing for files */ }
});

const search = document.getElementById("search");
const cards = [...document.querySelectorAll(".card")];

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const card of cards) {
    const fits = words.every((word) => card.dataset.searched.includes(word));
    card.hidden = !fits;
    found += fits;
  }
  for (const work of document.querySelectorAll(".work")) {
    work.hidden = work.querySelector(".card:not([hidden])") === null;
  }
  const all = `${cards.length} figure${cards.length === 1 ? "" : "s"}`;
  document.getElementById("found").textContent = words.length ? `${found} of ${all}` : all;
  document.getElementById("nothing").hidden = found > 0;
}

search.value = new URLSearchParams(location.search).get("q") || "";
if (cards.length) {
  search.addEventListener("input", show);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
