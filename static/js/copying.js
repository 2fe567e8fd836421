// Copying, with and without HTTPS.
import { $ } from "./dom.js";

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
