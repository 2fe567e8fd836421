// The page of one optimization: its test inputs, stopping, rating, verdicts.
const followText = () => $$("[data-follow]").forEach((pane) => { pane.scrollTop = pane.scrollHeight; });

// Test inputs that wait for approval: what was changed in them outlives the page too.
const inputsKey = () => `inputs:${$("#inputs-form")?.dataset.user}:${location.pathname}`;
const inputFields = () => $$("#approval textarea");
addEventListener("input", ({ target }) => {
  if (!inputFields().includes(target)) return;
  const kept = { written: $("#approval").dataset.written, typed: inputFields().map((field) => field.value) };
  try { localStorage.setItem(inputsKey(), JSON.stringify(kept)); } catch { /* full or forbidden: continue without */ }
});
function restoreInputs() {
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(inputsKey())); } catch { return; }
  const approval = $("#approval");
  if (!kept || kept.written !== approval?.dataset.written || $(".errors", approval)) return;
  inputFields().forEach((field, at) => { field.value = kept.typed[at] ?? ""; });
}
addEventListener("htmx:afterRequest", ({ target }) => { if (target.id === "inputs-form" && !$("#approval")) localStorage.removeItem(inputsKey()); });

// Stopping: shown at once, and taken back if the server was not reached.
function showStop(label, pressed) {
  const button = $("[form=stop-form]");
  if (button) { button.textContent = label; button.disabled = pressed; }
}
addEventListener("htmx:afterRequest", ({ target, detail }) => { if (target.id === "stop-form" && !detail.successful) showStop("Stop", false); });
addEventListener("submit", ({ target }) => {
  if (target.id === "stop-form") setTimeout(showStop, 0, "Stopping…", true);
}, true);

// Rating: the stars show what was pressed at once, and go back if the server refuses.
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

// Verdicts on outputs: the socket tells which of them this person gave, in whatever window.
function paintVerdicts() {
  const said = $("#verdicts");
  if (!said) return;
  const given = { right: said.dataset.right.split(" "), wrong: said.dataset.wrong.split(" ") };
  for (const button of $$(".verdicts button")) {
    const verdict = button.classList.contains("wrong") ? "wrong" : "right";
    const pressed = given[verdict].includes(button.parentElement.id.replace("output-", ""));
    button.setAttribute("aria-pressed", String(pressed));
    button.value = pressed ? "none" : verdict;
  }
}

addEventListener("morphed", () => { followText(); paintVerdicts(); });
restoreInputs();
restoreWords();
followText();
