// Live fragments: change only what differs, so that focus, open details and scroll positions stay.
import { $, $$ } from "./dom.js";

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
    dispatchEvent(new Event("morphed"));
    return [target];
  },
});
