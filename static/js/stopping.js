// Stopping: shown at once, and taken back if the server was not reached.
import { $ } from "./dom.js";

function showStop(label, pressed) {
  const button = $("[form=stop-form]");
  if (button) { button.textContent = label; button.disabled = pressed; }
}
addEventListener("htmx:afterRequest", ({ target, detail }) => { if (target.id === "stop-form" && !detail.successful) showStop("Stop", false); });
addEventListener("submit", ({ target }) => {
  if (target.id === "stop-form") setTimeout(showStop, 0, "Stopping…", true);
}, true);
