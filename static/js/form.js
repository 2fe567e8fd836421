// The form of a new optimization: chips, counter, presets, faults. Its drafts are in drafts.js.
import { $, $$ } from "./dom.js";

export const form = () => $("#optimization-form");

// As optimizer/engine/variables.py: `${{x}}`, `{{{x}}}` and what belongs to a LaTeX command are text.
const BRACED = String.raw`\{\{[ \t]*[\p{L}\p{N}_]+[ \t]*\}\}`;
const NO_VARIABLE = String.raw`\$${BRACED}|\\(?![ntr]\{)[A-Za-z]+\*?(?:${BRACED})+|\{{3,}`;
const VARIABLE = new RegExp(String.raw`${NO_VARIABLE}|\{\{[ \t]*(?<name>[\p{L}\p{N}_]+)[ \t]*\}\}`, "gu");

function showPrompt() {
  const text = $("#id_prompt").value;
  const marked = new FormData($("#id_prompt").form).getAll("literals");
  const whole = `${$("#id_system_text").value}\n\n${text}`;
  const found = [...whole.matchAll(VARIABLE)].map((place) => place.groups.name).filter((name) => name && !marked.includes(name));
  const names = [...new Set(found)];
  $("#variables").replaceChildren(...names.map((name) => Object.assign(document.createElement("span"), { className: "chip", textContent: `{{${name}}}` })));
  const length = [...text.trim()].length;
  $("#prompt-length").textContent = `${length.toLocaleString("en")} / 10,000`;
  $("#prompt-length").classList.toggle("over", length > 10000);
}

addEventListener("rows-read", showPrompt);

function showPreset() {
  const preset = $("[name=preset]:checked", form());
  if (preset) for (const [name, value] of Object.entries(JSON.parse(preset.dataset.says))) $(`#id_${name}`).placeholder = value;
}

function renewKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  form().elements.submit_key.value = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function showForm() {
  showPrompt();
  showPreset();
}

// A fault may stand in a closed fold: open it, and go there.
function showFault(field) {
  for (let fold = field?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  field?.focus();
}
addEventListener("input", ({ target }) => { if (form()?.contains(target)) showForm(); });
addEventListener("click", (event) => {
  const leads = event.target.closest("#estimate a[href^='#id_']");
  if (!leads) return;
  event.preventDefault();
  showFault($(leads.getAttribute("href")));
});
addEventListener("submit", (event) => {
  const unread = event.target === form() && [...form().elements].find((field) => field.validity?.badInput);
  if (!unread) return; // else the server would be sent nothing for it, and take its own value
  event.preventDefault();
  event.stopImmediatePropagation();
  showFault(unread);
  unread.reportValidity();
}, true);
addEventListener("pageshow", ({ persisted }) => { if (form() && persisted) renewKey(); });
addEventListener("htmx:load", ({ target }) => {
  if (!form() || (target !== form() && !target.contains?.(form()))) return;
  showForm();
  showFault($("[aria-invalid=true]", form()));
});
addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !form()) return;
  const sends = event.ctrlKey || event.metaKey;
  if (!sends && event.target.id !== "id_try_row") return;
  event.preventDefault();
  if (sends) form().requestSubmit(); else $("#grade-it").click();
});

if (form()) { showForm(); showFault($("[aria-invalid=true]", form())); }
