// Rating: the stars show what was pressed at once, and go back if the server refuses.
import { $, $$ } from "./dom.js";
import { isKey } from "./keys.js";

const paintStars = (chosen) => $$(".stars button").forEach((star) => {
  star.classList.toggle("on", Number(star.dataset.star) <= chosen);
  star.setAttribute("aria-pressed", String(Number(star.dataset.star) === chosen));
});
const chosenStar = () => Number($(".stars [aria-pressed=true]")?.dataset.star || 0);
addEventListener("click", ({ target }) => {
  const star = target.closest(".stars button");
  if (!star) return;
  star.form.dataset.before = chosenStar();
  paintStars(Number(star.value));
});
addEventListener("htmx:configRequest", ({ target, detail }) => {
  if (target.id !== "rating" || $(".errors", target)) return; // of a refused form, nothing is kept yet
  for (const words of $$("textarea", target)) if (words.value === words.defaultValue) delete detail.parameters[words.name]; // may be newer elsewhere
});
addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (target.id === "rating" && !detail.successful && target.dataset.before) paintStars(Number(target.dataset.before));
});
addEventListener("keydown", (event) => {
  const star = isKey(event) && /^[1-5]$/.test(event.key) && $(`.stars [data-star="${event.key}"]`);
  if (star && star.offsetParent) star.click();
});

// What is said of the result outlives the page until it is saved.
const wordsKey = () => `words:${$("#inputs-form").dataset.user}:${location.pathname}`;
const wordFields = () => $$("#rating textarea");
function restoreWords() {
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(wordsKey())); } catch { return; }
  if (!kept || !Object.keys(kept).length || $("#rating .errors")) return;
  for (const field of wordFields()) field.value = kept[field.name] ?? field.value;
  $("#rating-words").open = true;
}
addEventListener("input", ({ target }) => {
  if (!wordFields().includes(target)) return;
  const typed = wordFields().filter((field) => field.value !== field.defaultValue).map((field) => [field.name, field.value]);
  try { localStorage.setItem(wordsKey(), JSON.stringify(Object.fromEntries(typed))); } catch { /* full or forbidden: continue without */ }
});
addEventListener("htmx:afterRequest", ({ target, detail }) => { if (target.id === "rating" && detail.successful) localStorage.removeItem(wordsKey()); });

restoreWords();
