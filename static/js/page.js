// What every page has. Pages work without scripts; each file here adds what its first line says.
// They are loaded in order, and share their names: this one first. It adds: times, copying, the theme, the menu, keys.
document.documentElement.classList.add("js");
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

// Times: elapsed ones tick, past ones are told in the reader's zone.
const clock = (seconds) => seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
const tick = () => $$("[data-since]").forEach((node) => { node.textContent = clock(Math.max(0, Math.round((Date.now() - Date.parse(node.dataset.since)) / 1000))); });
setInterval(tick, 1000);
const tellTimes = () => $$("time[data-clock]").forEach((node) => { node.textContent = new Date(node.dateTime).toLocaleTimeString(); });
addEventListener("mouseover", ({ target }) => { if (target.dateTime && target.nodeName === "TIME") target.title = new Date(target.dateTime).toLocaleString(); });
addEventListener("morphed", tellTimes);

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
const isKey = (event) => !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target) && !$("dialog[open]");
addEventListener("keydown", (event) => {
  if (!isKey(event)) return;
  if (event.key === "?") $("#keys").showModal();
  if (event.key !== "/") return;
  event.preventDefault();
  if ($("#search")) $("#search").focus(); else location.assign("/history/?focus=1");
});

tick();
tellTimes();
if ($("#search") && new URLSearchParams(location.search).has("focus")) $("#search").focus();
