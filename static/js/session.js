// The page of one optimization. A text that is being written stays in view at its end.
import { $$ } from "./dom.js";
import "./inputs.js";
import "./stopping.js";
import "./rating.js";
import "./verdicts.js";

const followText = () => $$("[data-follow]").forEach((pane) => { pane.scrollTop = pane.scrollHeight; });
addEventListener("morphed", followText);
followText();
