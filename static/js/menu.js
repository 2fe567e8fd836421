// The account menu closes as menus do: by Esc, by a click elsewhere, by leaving it.
import { $ } from "./dom.js";

const openMenu = () => $("details.menu[open]");
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !openMenu() || $("dialog[open]")) return;
  event.preventDefault();
  $("summary", openMenu()).focus();
  openMenu().open = false;
});
addEventListener("pointerdown", ({ target }) => { if (openMenu() && !openMenu().contains(target)) openMenu().open = false; });
addEventListener("focusin", ({ target }) => { if (openMenu() && !openMenu().contains(target)) openMenu().open = false; });
