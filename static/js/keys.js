// Single keys, never inside text fields, and none for those who switched them off.
import { $ } from "./dom.js";

const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

const isOff = () => document.documentElement.dataset.shortcuts === "off";

export const isKey = (event) => !isOff() && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target) && !$("dialog[open]");
addEventListener("keydown", (event) => {
  if (!isKey(event)) return;
  if (event.key === "?") $("#keys").showModal();
  if (event.key !== "/") return;
  event.preventDefault();
  if ($("#search")) $("#search").focus(); else location.assign("/history/?focus=1");
});

if ($("#search") && new URLSearchParams(location.search).has("focus")) $("#search").focus();
