// What every page has. Pages work without scripts; each module adds what its first line says.
import "./times.js";
import "./copying.js";
import "./theme.js";
import "./menu.js";
import "./keys.js";
import "./morph.js";
import "./undo.js";
import "./connection.js";

document.documentElement.classList.add("js");
