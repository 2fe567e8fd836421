// The offer to undo goes away after ten seconds, but never from under a hand or the focus.
import { $$ } from "./dom.js";

const SECONDS = 10;
const leave = (offer) => {
  if (offer.matches(":hover, :focus-within")) setTimeout(leave, 1000, offer);
  else offer.remove();
};
$$("[data-undo]").forEach((offer) => setTimeout(leave, SECONDS * 1000, offer));
