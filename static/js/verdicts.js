// Verdicts on outputs: the socket tells which of them this person gave, in whatever window.
import { $, $$ } from "./dom.js";

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

addEventListener("morphed", paintVerdicts);
