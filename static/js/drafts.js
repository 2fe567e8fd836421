// Drafts of the form: what is typed outlives the page, in this browser, apart for each person.
// One draft for a new optimization, whatever address it was typed at; one more for each template, `from`, `continue`
// and the sample. A page that opens empty, with the sample, or with what was cleared shows no draft, and offers it.
// What is overwritten is set aside first.
import { $, $$ } from "./dom.js";
import { form, showForm } from "./form.js";

const EARLIER_MOST = 3;
const NOT_TYPED = ["csrfmiddlewaretoken", "submit_key"];
const TEXTS = ["prompt", "system_text", "context", "rows"]; // a draft without any of them is not worth keeping aside
const PLACES = ["from", "continue", "candidate", "grader", "sample"];
const thisPage = Math.random().toString(36).slice(2);
let seen = null; // the stored draft that this page shows; another one there is of another page
let cameBack = null; // the draft that was put into the form when it opened
let tooBig = false;

const asked = () => new URLSearchParams(location.search);
const named = () => PLACES.filter((name) => asked().has(name));
const template = () => form().elements.template?.value;
const places = () => [...named().map((name) => `${name}=${asked().get(name)}`), ...(template() ? [`template=${template()}`] : [])];
const place = () => places().join("&") || "new";
const draftKey = () => `draft:${form().dataset.user}:${place()}`;
const earlierKey = () => `earlier:${form().dataset.user}:${place()}`;
const opensFresh = () => ["blank", "sample", "undo"].some((name) => asked().has(name)) && !history.state?.typed;

function stored(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}
function store(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch { return false; } // full, or forbidden
}
const draftNow = () => { const draft = stored(draftKey()); return Array.isArray(draft?.fields) ? draft : null; };
const earlierDrafts = () => stored(earlierKey()) || [];
const rawDraft = () => { try { return localStorage.getItem(draftKey()); } catch { return null; } };

function typedNow() {
  const isTyped = ([name, value]) => typeof value === "string" && !NOT_TYPED.includes(name);
  const fields = [...new FormData(form())].filter(isTyped);
  const files = $$("[type=file]", form()).flatMap((field) => [...field.files].map((file) => file.name));
  return { fields, files, at: Date.now(), page: thisPage };
}

function setAside(draft) {
  if (!draft?.fields.some(([name, value]) => TEXTS.includes(name) && value.trim())) return;
  const typed = JSON.stringify(draft.fields);
  const same = (other) => other.page === draft.page || JSON.stringify(other.fields) === typed;
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
const isFilled = ({ name, type }) => name && !NOT_TYPED.includes(name) && !["file", "submit", "button"].includes(type);

function fill(draft) {
  const values = grouped(draft.fields);
  const controls = [...form().elements].filter(isFilled);
  for (const field of controls) {
    if (field.type === "hidden" && !values.has(field.name)) field.remove();
    if (field.type === "checkbox") field.checked = false;
  }
  for (const [name, given] of values) fillOne(controls.filter((field) => field.name === name), name, given);
  for (const fold of $$("details.fold", form())) fold.open ||= $$("input, textarea, select", fold).some(isChanged);
  showForm();
}

function grouped(fields) {
  const groups = new Map();
  for (const [name, value] of fields) groups.set(name, [...(groups.get(name) || []), value]);
  return groups;
}

function fillOne(fields, name, values) {
  const [first] = fields;
  if (!first) form().append(...values.map((value) => hidden(name, value, true)));
  else if (isBox(first)) for (const field of fields) field.checked = values.includes(field.value);
  else if (first.multiple) for (const option of first.options) option.selected = values.includes(option.value);
  else fillTexts(fields, name, values);
}

function fillTexts(fields, name, values) {
  const isHidden = fields[0].type === "hidden";
  if (isHidden) fields.at(-1).after(...values.slice(fields.length).map((value) => hidden(name, value, false)));
  fields.forEach((field, at) => {
    if (at < values.length) setValue(field, values[at]);
    else if (isHidden) field.remove();
  });
}

const isBox = ({ type }) => ["checkbox", "radio"].includes(type);

function setValue(field, value) {
  field.value = value;
  const notOffered = field.type === "select-one" && field.value !== value;
  if (notOffered) field.add(new Option("As in your draft", value, true, true));
}

// A stand-in holds a value until the page has the field itself.
function hidden(name, value, standsIn) {
  const field = Object.assign(document.createElement("input"), { type: "hidden", name, value });
  field.toggleAttribute("data-stands-in", standsIn);
  return field;
}
function dropStandIns() {
  for (const field of $$("[data-stands-in]", form())) {
    const others = [...form().elements].filter((other) => other.name === field.name);
    if (others.some((other) => !other.hasAttribute("data-stands-in"))) field.remove();
  }
}

function isChanged(field) {
  if (isBox(field)) return field.checked !== field.defaultChecked;
  if (field.type !== "select-one") return field.value !== field.defaultValue;
  const first = [...field.options].find((option) => option.defaultSelected) || field.options[0];
  return field.selectedOptions[0] !== first;
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
  const texts = grouped(draft.fields);
  const text = TEXTS.map((name) => texts.get(name)?.[0].trim()).find(Boolean) || "Settings alone";
  const line = text.split("\n")[0];
  return line.length > 40 ? `${line.slice(0, 39)}…` : line;
}

function noteButton(text, press) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "button small", textContent: text, onclick: press });
  return button;
}

function noteLine(text, ...buttons) {
  const line = Object.assign(document.createElement("p"), { className: "row" });
  line.append(text, ...buttons);
  return line;
}

function wayBack(draft) {
  return noteButton(`Bring back “${titleOf(draft)}”, ${agoInWords(draft.at)}`, () => bringBack(draft));
}

function tellDrafts() {
  const lines = [];
  if (cameBack) {
    const back = `Your draft is back, as it was ${agoInWords(cameBack.at)}. It is kept in this browser.`;
    lines.push(noteLine(back, noteButton("Start over", startAfresh)));
  }
  if (cameBack?.files?.length) {
    lines.push(noteLine(`A browser does not keep files: choose ${cameBack.files.join(", ")} again.`));
  }
  if (tooBig) lines.push(noteLine("This is too big to keep as a draft. It is lost when you leave the page."));
  const drafts = offered();
  const [title, forget] = drafts.length === 1 ? ["An earlier draft:", "Forget it"] : ["Earlier drafts:", "Forget them"];
  if (drafts.length) lines.push(noteLine(title, ...drafts.map(wayBack), noteButton(forget, forgetEarlier)));
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
  // A template brings another page of this form: what was typed goes along.
  addEventListener("htmx:afterSettle", ({ detail }) => { if (detail.requestConfig?.path === "/optimizations/template/") keepDraft(); });
  // Once the optimization is there, its draft is done.
  addEventListener("htmx:afterRequest", ({ target, detail }) => {
    if ([form(), $("#clear")].includes(target) && detail.xhr.getResponseHeader("HX-Redirect")) forgetDraft();
  });
}
