// The connection to the server: say so when it is lost, not when it blinks.
import { $ } from "./dom.js";

// A server that was killed is back in seconds: the extension's own pauses grow to a minute.
const LONGEST_PAUSE = 3000;
if (window.htmx) htmx.config.wsReconnectDelay = (tries) => Math.min(500 * 2 ** tries, LONGEST_PAUSE) * (0.5 + Math.random() / 2);

const TRY_AGAIN = 4503; // said by our server; after the others the extension connects again by itself
const AGAIN = [1006, 1011, 1012, 1013, TRY_AGAIN];
const ENDED = {
  4401: "You are signed out. Sign in in another tab, then come back: this page continues.",
  4404: "This is no longer here, or no longer yours.",
};
const REASONS = {
  401: "You are signed out. Sign in in another tab, then try again: nothing you typed is lost.",
  403: "That was refused. Reload the page, then try again.",
  404: ENDED[4404],
};
let standing = ""; // what is so until it changes; other notices pass
let passing, losing;
let comeBack = null; // connects the socket that was closed because its reader signed out
let signedOut = false;
let triedAgain = false;
function show(text) {
  clearTimeout(passing);
  $("#connection").textContent = text;
  $("#connection").hidden = !text;
}
function stand(text) {
  clearTimeout(losing);
  standing = text;
  show(text);
}
function connectAgain() {
  const reconnect = comeBack;
  comeBack = null;
  reconnect?.();
}
addEventListener("htmx:wsOpen", () => { // what passes by itself may be about something else
  clearTimeout(losing);
  if (standing) stand("");
});
addEventListener("htmx:wsAfterMessage", () => { triedAgain = false; });
addEventListener("htmx:wsClose", ({ target, detail }) => {
  const { code } = detail.event;
  const reconnect = () => { if (target.isConnected) detail.socketWrapper.reconnect(); };
  if (AGAIN.includes(code)) { clearTimeout(losing); losing = setTimeout(stand, 800, "Reconnecting… This page comes back by itself once the server runs again."); }
  else if (ENDED[code]) stand(ENDED[code]);
  if (code === TRY_AGAIN) setTimeout(reconnect, 500 + 1000 * Math.random());
  if (code !== 4401) return;
  comeBack = reconnect;
  if (!triedAgain) setTimeout(connectAgain, 2000); // its cookie may just be changing: another password, for instance
  triedAgain = true;
});
addEventListener("focus", connectAgain);
function failed({ detail }) {
  const status = detail.xhr?.status;
  if (status === 401) { signedOut = true; stand(REASONS[401]); return; }
  show(REASONS[status] || "The server did not answer. Nothing you typed is lost: try again.");
  passing = setTimeout(() => show(standing), REASONS[status] ? 20000 : 6000);
}
addEventListener("htmx:sendError", failed);
addEventListener("htmx:responseError", failed);
addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful || !signedOut) return;
  signedOut = false;
  stand("");
  connectAgain();
});

// Who signed in again in another tab has another token there.
addEventListener("htmx:configRequest", ({ detail }) => {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  if (token && detail.parameters.csrfmiddlewaretoken) detail.parameters.csrfmiddlewaretoken = token[1];
});
