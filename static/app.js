// The page works without this file. It adds: morphing of live fragments, drafts, copying, keys, the theme.
document.documentElement.classList.add("js");
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

// Live fragments: change only what differs, so that focus, open details and scroll positions stay.
let fromAfar = false; // whether what is swapped in was sent by the socket, not asked for by this page
const alike = (a, b) => a && a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.id === b.id;

function morphAttributes(old, fresh) {
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value && !["hx-swap-oob", "data-live"].includes(name)) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
}

function morphChildren(old, fresh) {
  let here = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const named = wanted.id && $$(`#${CSS.escape(wanted.id)}`, old).find((node) => node.parentNode === old);
    const match = named || (alike(here, wanted) ? here : null);
    if (!match) { old.insertBefore(wanted, here); continue; }
    if (match === here) here = here.nextSibling;
    else old.insertBefore(match, here);
    morph(match, wanted);
  }
  while (here) { const next = here.nextSibling; here.remove(); here = next; }
}

// What is typed and not saved yet stays when a frame tells of another window.
function morphText(old, fresh) {
  const untouched = old.value === old.defaultValue;
  if (untouched || (!fromAfar && old !== document.activeElement)) old.value = fresh.value;
}

function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
  if (old.isEqualNode(fresh) || fresh.hasAttribute("data-anyone")) return; // what is a person's own, a frame for everyone does not know
  morphAttributes(old, fresh);
  if (old.nodeName === "TEXTAREA") morphText(old, fresh);
  morphChildren(old, fresh);
}

if (window.htmx) htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap(style, target, fragment) {
    if (style !== "morph") return false;
    const fresh = fragment.nodeType === Node.ELEMENT_NODE ? fragment : fragment.firstElementChild;
    if (!fresh || fresh.id !== target.id) return []; // another page than was asked for
    fromAfar = fresh.hasAttribute("data-live");
    if (fromAfar && target.id === "rating" && $(".errors", target)) return []; // what was refused stays until it is sent again
    morph(target, fresh);
    followText();
    tellTimes();
    paintVerdicts();
    return [target];
  },
});

const followText = () => $$("[data-follow]").forEach((pane) => { pane.scrollTop = pane.scrollHeight; });

// The connection: say so when it is lost, not when it blinks.
const TRY_AGAIN = 4503; // said by our server; after the others the extension connects again by itself
const AGAIN = [1006, 1011, 1012, 1013, TRY_AGAIN];
const ENDED = {
  4401: "Signed out. Sign in in another tab, then come back: this page goes on.",
  4404: "This is no longer here, or no longer yours.",
};
const REASONS = {
  401: "You are signed out. Sign in in another tab, then try again: nothing you typed is lost.",
  403: "That was refused. Reload the page, then try again.",
  404: ENDED[4404],
};
let standing = ""; // what is so until it changes; other notices pass
let passing, losing;
let comeBack = null; // connects the socket that was closed because its reader signed out
let signedOut = false;
let triedAgain = false;
function show(text) {
  clearTimeout(passing);
  $("#connection").textContent = text;
  $("#connection").hidden = !text;
}
function stand(text) {
  clearTimeout(losing);
  standing = text;
  show(text);
}
function connectAgain() {
  const reconnect = comeBack;
  comeBack = null;
  reconnect?.();
}
addEventListener("htmx:wsOpen", () => stand(""));
addEventListener("htmx:wsAfterMessage", () => { triedAgain = false; });
addEventListener("htmx:wsClose", ({ target, detail }) => {
  const { code } = detail.event;
  const reconnect = () => { if (target.isConnected) detail.socketWrapper.reconnect(); };
  if (AGAIN.includes(code)) { clearTimeout(losing); losing = setTimeout(stand, 800, "Reconnecting…"); }
  else if (ENDED[code]) stand(ENDED[code]);
  if (code === TRY_AGAIN) setTimeout(reconnect, 500 + 1000 * Math.random());
  if (code !== 4401) return;
  comeBack = reconnect;
  if (!triedAgain) setTimeout(connectAgain, 2000); // its cookie may just be changing: another password, for instance
  triedAgain = true;
});
addEventListener("focus", connectAgain);
function failed({ detail }) {
  const status = detail.xhr?.status;
  if (status === 401) { signedOut = true; stand(REASONS[401]); return; }
  show(REASONS[status] || "The server did not answer. Nothing you typed is lost: try again.");
  passing = setTimeout(() => show(standing), REASONS[status] ? 20000 : 6000);
}
addEventListener("htmx:sendError", failed);
addEventListener("htmx:responseError", failed);
addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful || !signedOut) return;
  signedOut = false;
  stand("");
  connectAgain();
});

// Who signed in again in another tab has another token there.
addEventListener("htmx:configRequest", ({ detail }) => {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  if (token && detail.parameters.csrfmiddlewaretoken) detail.parameters.csrfmiddlewaretoken = token[1];
});

// Times: elapsed ones tick, past ones are told in the reader's zone.
const clock = (seconds) => seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
const tick = () => $$("[data-since]").forEach((node) => { node.textContent = clock(Math.max(0, Math.round((Date.now() - Date.parse(node.dataset.since)) / 1000))); });
setInterval(tick, 1000);
const tellTimes = () => $$("time[data-clock]").forEach((node) => { node.textContent = new Date(node.dateTime).toLocaleTimeString(); });
addEventListener("mouseover", ({ target }) => { if (target.dateTime && target.nodeName === "TIME") target.title = new Date(target.dateTime).toLocaleString(); });

// Copying, with and without HTTPS.
async function copy(text) {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  const pane = Object.assign(document.createElement("textarea"), { value: text });
  (document.querySelector("dialog[open]") || document.body).append(pane);
  pane.select();
  document.execCommand("copy");
  pane.remove();
}
addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button || button.textContent === "Copied") return;
  await copy(button.dataset.copy);
  button.focus();
  const label = button.textContent;
  button.textContent = "Copied";
  $("#spoken").textContent = "Copied";
  setTimeout(() => { if (button.textContent === "Copied") button.textContent = label; $("#spoken").textContent = ""; }, 2000);
});

// The theme: a cookie, so that the server paints the right one at once.
addEventListener("click", ({ target }) => {
  if (!target.closest("[data-theme-switch]")) return;
  const root = document.documentElement;
  const dark = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme};path=/;max-age=31536000;samesite=lax`;
});

// The form of a new optimization: chips, counter, presets, faults. Drafts are in js/drafts.js.
const form = () => $("#optimization-form");

function showPrompt() {
  const text = $("#id_prompt").value;
  const names = [...new Set([...text.matchAll(/\{\{\s*([^{}]+?)\s*\}\}/g)].map((found) => found[1]))];
  $("#variables").replaceChildren(...names.map((name) => Object.assign(document.createElement("span"), { className: "chip", textContent: `{{${name}}}` })));
  const length = [...text.trim()].length;
  $("#prompt-length").textContent = `${length.toLocaleString("en")} / 10,000`;
  $("#prompt-length").classList.toggle("over", length > 10000);
}

function showPreset() {
  const preset = $("[name=preset]:checked", form());
  if (preset) for (const name of ["iterations", "rounds", "max_calls", "patience"]) $(`#id_${name}`).placeholder = preset.dataset[name];
}

function renewKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  form().elements.submit_key.value = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function showForm() {
  showPrompt();
  showPreset();
}

// A fault may stand in a closed fold: open it, and go there.
function showFault(field) {
  for (let fold = field?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  field?.focus();
}
addEventListener("input", ({ target }) => { if (form()?.contains(target)) showForm(); });
addEventListener("submit", (event) => {
  const unread = event.target === form() && [...form().elements].find((field) => field.validity?.badInput);
  if (!unread) return; // else the server would be sent nothing for it, and take its own value
  event.preventDefault();
  event.stopImmediatePropagation();
  showFault(unread);
  unread.reportValidity();
}, true);
addEventListener("submit", ({ target }) => {
  if (target.id === "stop-form") setTimeout(showStop, 0, "Stopping…", true);
}, true);
addEventListener("pageshow", ({ persisted }) => { if (form() && persisted) renewKey(); });
addEventListener("htmx:load", ({ target }) => {
  if (!form() || (target !== form() && !target.contains?.(form()))) return;
  showForm();
  showFault($("[aria-invalid=true]", form()));
});

// Test inputs that wait for approval: what was changed in them outlives the page too.
const inputsKey = () => `inputs:${$("#inputs-form")?.dataset.user}:${location.pathname}`;
const inputFields = () => $$("#approval textarea");
addEventListener("input", ({ target }) => {
  if (!inputFields().includes(target)) return;
  const kept = { written: $("#approval").dataset.written, typed: inputFields().map((field) => field.value) };
  try { localStorage.setItem(inputsKey(), JSON.stringify(kept)); } catch { /* full or forbidden: go on without */ }
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

// The account menu closes as menus do: by Esc, by a click elsewhere, by leaving it.
const openMenu = () => $("details.menu[open]");
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !openMenu() || $("dialog[open]")) return;
  event.preventDefault();
  $("summary", openMenu()).focus();
  openMenu().open = false;
});
addEventListener("pointerdown", ({ target }) => { if (openMenu() && !openMenu().contains(target)) openMenu().open = false; });
addEventListener("focusin", ({ target }) => { if (openMenu() && !openMenu().contains(target)) openMenu().open = false; });

// Keys, never inside text fields.
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.id === "id_try_row" && !event.ctrlKey && !event.metaKey) { event.preventDefault(); $("#grade-it").click(); return; }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form()) { event.preventDefault(); form().requestSubmit(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || $("dialog[open]")) return;
  if (event.key === "?") { $("#keys").showModal(); return; }
  if (event.key === "/") { event.preventDefault(); if ($("#search")) $("#search").focus(); else location.assign("/history/?focus=1"); return; }
  const star = /^[1-5]$/.test(event.key) && $(`.stars [data-star="${event.key}"]`);
  if (star && star.offsetParent) star.click();
});

if (form()) { showForm(); showFault($("[aria-invalid=true]", form())); }
restoreInputs();
tick();
tellTimes();
followText();
if ($("#search") && new URLSearchParams(location.search).has("focus")) $("#search").focus();
