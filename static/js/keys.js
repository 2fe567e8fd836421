// Keys, never inside text fields.
import { $ } from "./dom.js";

const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

export const isKey = (event) => !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target) && !$("dialog[open]");
addEventListener("keydown", (event) => {
  if (!isKey(event)) return;
  if (event.key === "?") $("#keys").showModal();
  if (event.key !== "/") return;
  event.preventDefault();
  if ($("#search")) $("#search").focus(); else location.assign("/history/?focus=1");
});

if ($("#search") && new URLSearchParams(location.search).has("focus")) $("#search").focus();
