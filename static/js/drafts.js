// Drafts of the form: what is typed outlives the page, in this browser, apart for each person.
// One draft for a new optimization, whatever address it was typed at; one more for each `from`, `template` and sample.
// A page that opens empty or with the sample shows no draft, and offers it. What is overwritten is set aside first.
const EARLIER_MOST = 3;
const NOT_TYPED = ["csrfmiddlewaretoken", "submit_key"];
const TEXTS = ["prompt", "context", "rows"]; // a draft without any of them is not worth keeping aside
const PLACES = ["from", "candidate", "grader", "template", "sample"];
const thisPage = Math.random().toString(36).slice(2);
let seen = null; // the stored draft that this page shows; another one there is of another page
let cameBack = null; // the draft that was put into the form when it opened
let tooBig = false;

const asked = () => new URLSearchParams(location.search);
const place = () => PLACES.filter((name) => asked().has(name)).map((name) => `${name}=${asked().get(name)}`).join("&") || "new";
const draftKey = () => `draft:${form().dataset.user}:${place()}`;
const earlierKey = () => `earlier:${form().dataset.user}:${place()}`;
const opensFresh = () => (asked().has("blank") || asked().has("sample")) && !history.state?.typed;

function stored(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}
function store(key, value) {
  try { localStorage.setItem(key, JSON.stringify(value)); return true; } catch { return false; } // full, or forbidden
}
const draftNow = () => { const draft = stored(draftKey()); return Array.isArray(draft?.fields) ? draft : null; };
const earlierDrafts = () => stored(earlierKey()) || [];
const rawDraft = () => { try { return localStorage.getItem(draftKey()); } catch { return null; } };

function typedNow() {
  const fields = [...new FormData(form())].filter(([name, value]) => typeof value === "string" && !NOT_TYPED.includes(name));
  const files = $$("[type=file]", form()).flatMap((field) => [...field.files].map((file) => file.name));
  return { fields, files, at: Date.now(), page: thisPage };
}

function setAside(draft) {
  if (!draft?.fields.some(([name, value]) => TEXTS.includes(name) && value.trim())) return;
  const same = (other) => other.page === draft.page || JSON.stringify(other.fields) === JSON.stringify(draft.fields);
  store(earlierKey(), [draft, ...earlierDrafts().filter((other) => !same(other))].slice(0, EARLIER_MOST));
}

function keepDraft() {
  if (rawDraft() !== seen) setAside(draftNow());
  tooBig = !store(draftKey(), typedNow());
  seen = rawDraft();
  history.replaceState({ ...history.state, typed: true }, "");
  tellDrafts();
}

function forgetDraft() {
  localStorage.removeItem(draftKey());
  seen = null;
}

// Filling the form: a name may have several values, and the page may not have their fields yet.
function fill(draft) {
  const values = grouped(draft.fields);
  const controls = [...form().elements].filter((field) => field.name && !NOT_TYPED.includes(field.name) && !["file", "submit", "button"].includes(field.type));
  for (const field of controls.filter((field) => field.type === "hidden" && !values.has(field.name))) field.remove();
  for (const field of controls.filter((field) => field.type === "checkbox")) field.checked = false;
  for (const [name, pairs] of values) fillOne(controls.filter((field) => field.name === name), name, pairs.map(([, value]) => value));
  $$("details.fold", form()).forEach((fold) => { fold.open ||= $$("input, textarea, select", fold).some(isChanged); });
  showForm();
}

function grouped(fields) {
  const groups = new Map();
  for (const pair of fields) groups.set(pair[0], [...(groups.get(pair[0]) || []), pair]);
  return groups;
}

function fillOne(fields, name, values) {
  const [first] = fields;
  if (!first) { values.forEach((value) => form().append(hidden(name, value, true))); return; }
  if (["checkbox", "radio"].includes(first.type)) { fields.forEach((field) => { field.checked = values.includes(field.value); }); return; }
  if (first.type === "select-multiple") { [...first.options].forEach((option) => { option.selected = values.includes(option.value); }); return; }
  fields.forEach((field, at) => { if (at < values.length) setValue(field, values[at]); else if (field.type === "hidden") field.remove(); });
  if (first.type === "hidden") fields.at(-1).after(...values.slice(fields.length).map((value) => hidden(name, value, false)));
}

function setValue(field, value) {
  field.value = value;
  if (field.type === "select-one" && field.value !== value) field.add(new Option("As in your draft", value, true, true));
}

// A stand-in holds a value until the page has the field itself.
function hidden(name, value, standsIn) {
  const field = Object.assign(document.createElement("input"), { type: "hidden", name, value });
  field.toggleAttribute("data-stands-in", standsIn);
  return field;
}
const dropStandIns = () => form() && $$("[data-stands-in]", form()).forEach((field) => {
  if ([...form().elements].some((other) => other.name === field.name && !other.hasAttribute("data-stands-in"))) field.remove();
});

function isChanged(field) {
  if (field.type === "select-one") return field.selectedOptions[0] !== ([...field.options].find((option) => option.defaultSelected) || field.options[0]);
  return ["checkbox", "radio"].includes(field.type) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}

// What is said of drafts, and the ways back.
const offered = () => (seen === null && draftNow() ? [draftNow(), ...earlierDrafts()] : earlierDrafts());

function agoInWords(moment) {
  const minutes = Math.round((Date.now() - moment) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  return minutes < 1440 ? `${Math.round(minutes / 60)} h ago` : new Date(moment).toLocaleDateString();
}

function titleOf(draft) {
  const text = TEXTS.map((wanted) => draft.fields.find(([name, value]) => name === wanted && value.trim())?.[1].trim()).find(Boolean) || "Settings alone";
  const line = text.split("\n")[0];
  return line.length > 40 ? `${line.slice(0, 39)}…` : line;
}

function noteButton(text, press) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: text });
  button.addEventListener("click", press);
  return button;
}

function noteLine(text, ...buttons) {
  const line = Object.assign(document.createElement("p"), { className: "row" });
  line.append(text, ...buttons);
  return line;
}

function tellDrafts() {
  const lines = [];
  if (cameBack) lines.push(noteLine(`Your draft is back, as it was ${agoInWords(cameBack.at)}. It is kept in this browser.`, noteButton("Start afresh", startAfresh)));
  if (cameBack?.files?.length) lines.push(noteLine(`A browser keeps no files: choose ${cameBack.files.join(", ")} again.`));
  if (tooBig) lines.push(noteLine("This is too big to be kept as a draft: it is lost when you leave the page."));
  const drafts = offered();
  if (drafts.length) lines.push(noteLine(drafts.length === 1 ? "An earlier draft:" : "Earlier drafts:",
    ...drafts.map((draft) => noteButton(`Bring back “${titleOf(draft)}”, ${agoInWords(draft.at)}`, () => bringBack(draft))), noteButton(drafts.length === 1 ? "Forget it" : "Forget them", forgetEarlier)));
  const note = $("#draft-note");
  const told = lines.map((line) => line.textContent).join("\n");
  if (note.dataset.told !== told) { note.replaceChildren(...lines); note.dataset.told = told; }
  note.hidden = !lines.length;
  if (cameBack && $("#origin")) $("#origin").hidden = true;
}

function bringBack(draft) {
  const current = draftNow();
  const isThis = (other) => JSON.stringify(other) === JSON.stringify(draft);
  store(earlierKey(), earlierDrafts().filter((other) => !isThis(other)));
  if (current && !isThis(current)) setAside(current);
  store(draftKey(), draft);
  history.replaceState({ ...history.state, typed: true }, "");
  restore(draft);
  $("#id_prompt").focus();
}

function startAfresh() {
  setAside(draftNow());
  forgetDraft();
  history.replaceState(null, "");
  location.reload();
}

function forgetEarlier() {
  localStorage.removeItem(earlierKey());
  if (seen === null) forgetDraft();
  tellDrafts();
  $("#id_prompt").focus();
}

function restore(draft) {
  fill(draft);
  seen = rawDraft();
  cameBack = draft;
  tellDrafts();
}

function startDrafts() {
  const draft = draftNow();
  if (draft && !form().dataset.bound && !opensFresh()) restore(draft);
  else tellDrafts();
}

if (form()) {
  startDrafts();
  addEventListener("input", ({ target }) => { if (form().contains(target)) keepDraft(); });
  addEventListener("htmx:afterSettle", dropStandIns);
  // Once the optimization is there, its draft is done.
  addEventListener("htmx:afterRequest", ({ target, detail }) => {
    if (target === form() && detail.xhr.getResponseHeader("HX-Redirect")) forgetDraft();
  });
}
