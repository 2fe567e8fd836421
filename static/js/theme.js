// The theme: painted by the server. Somebody signed in has it in their account; a visitor's is in a cookie, which
// follows the account, so that it stays after signing out.
import { $, $$ } from "./dom.js";

const root = document.documentElement;
const keepHere = (theme) => { document.cookie = `theme=${theme};path=/;max-age=${theme ? 31536000 : 0};samesite=lax`; };

addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-switch]");
  if (!button) return;
  event.preventDefault();
  const dark = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const theme = dark ? "light" : "dark";
  root.dataset.theme = theme;
  keepHere(theme);
  for (const choice of $$("#preferences [name=theme]")) choice.checked = choice.value === theme;
  if (root.dataset.kept !== "account") return;
  const body = new FormData(button.form);
  body.set("theme", theme);
  fetch(button.form.action, { method: "POST", body, keepalive: true }).catch(() => {
    $("#spoken").textContent = "The theme is kept in this browser only: the server was not reached.";
  });
});

if (root.dataset.kept === "account") keepHere(root.dataset.theme || "");
