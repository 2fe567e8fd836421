// Trying a template: the answer of a model appears while it is written, and ends when the page is left.
import { $ } from "./dom.js";

const LINES = "application/x-ndjson";
const FAILED = "The server did not answer. Nothing you typed is lost: try again.";
let running = null; // what stops the answer that is being written

const form = () => $("[data-try]");

function show(status, failed = false) {
  $("#try-status").textContent = status;
  $("#try-status").classList.toggle("errors", failed);
}

function setRunning(runs) {
  const button = $("button.primary", form());
  button.disabled = runs;
  button.textContent = runs ? "Writing…" : "Try it";
  $("[data-try-stop]").hidden = !runs;
}

function begin() {
  $("#try-answer").hidden = false;
  $("#try-text").textContent = "";
  show("Waiting for the model…");
  setRunning(true);
}

function hear(told) {
  const pane = $("#try-text");
  if ("text" in told) pane.textContent = told.text;
  if ("add" in told) pane.append(told.add);
  if ("text" in told || "add" in told) { show(""); pane.scrollTop = pane.scrollHeight; }
  if (told.waiting) show(`${told.waiting}…`);
  if (told.failed) show(told.failed, true);
  if (told.ended) show(told.ended);
}

async function read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let last = {};
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) { last = JSON.parse(line); hear(last); }
  }
  if (!last.ended && !last.failed) show("The answer broke off. Try again.", true);
}

// The form with what is wrong takes the place of the one that was sent.
function replaceForm(html) {
  const found = new DOMParser().parseFromString(html, "text/html").querySelector("[data-try]");
  if (!found) return show(FAILED, true);
  form().replaceWith(found);
  $("#try-answer").hidden = true;
  const first = $("[aria-invalid=true], .notice.error", form());
  first?.focus();
  return undefined;
}

async function tryIt() {
  running = new AbortController();
  begin();
  try {
    const options = { method: "POST", body: new FormData(form()), headers: { Accept: LINES }, signal: running.signal };
    const response = await fetch(form().action, options);
    if (response.headers.get("Content-Type")?.startsWith(LINES)) await read(response.body);
    else if (response.status === 422) replaceForm(await response.text());
    else show(response.redirected || response.status === 401 ? "You are signed out. Sign in in another tab, then try again." : FAILED, true);
  } catch (error) {
    show(error.name === "AbortError" ? "Stopped." : FAILED, error.name !== "AbortError");
  } finally {
    running = null;
    if (form()) setRunning(false);
  }
}

addEventListener("submit", (event) => {
  if (!event.target.matches("[data-try]")) return;
  event.preventDefault();
  if (!running) tryIt();
});
addEventListener("click", ({ target }) => { if (target.closest("[data-try-stop]")) running?.abort(); });
addEventListener("pagehide", () => running?.abort());
