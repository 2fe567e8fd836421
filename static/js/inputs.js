// Test inputs that wait for approval: what was changed in them outlives the page.
import { $, $$ } from "./dom.js";

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

restoreInputs();
