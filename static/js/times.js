// Times: elapsed ones tick, past ones are told in the zone that the reader chose, or else in the browser's.
import { $, $$ } from "./dom.js";

const clock = (seconds) => seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
const tick = () => $$("[data-since]").forEach((node) => { node.textContent = clock(Math.max(0, Math.round((Date.now() - Date.parse(node.dataset.since)) / 1000))); });
setInterval(tick, 1000);

const format = (options) => {
  const { timeZone } = document.documentElement.dataset;
  try { return new Intl.DateTimeFormat(undefined, { ...options, timeZone }); } catch { return new Intl.DateTimeFormat(undefined, options); } // a zone that this browser does not know
};
const HOUR = format({ timeStyle: "medium" });
const DAY = format({ dateStyle: "medium" });
const EXACT = format({ year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" });

function tell(selector, kind) {
  for (const node of $$(selector)) node.textContent = kind.format(new Date(node.dateTime));
}
function tellTimes() {
  tell("time[data-clock]", HOUR);
  tell("time[data-day]", DAY);
}
addEventListener("mouseover", ({ target }) => { if (target.dateTime && target.nodeName === "TIME") target.title = EXACT.format(new Date(target.dateTime)); });
addEventListener("morphed", tellTimes);
addEventListener("htmx:afterSwap", tellTimes);

const asBrowser = $("#id_time_zone option[value='']");
if (asBrowser) asBrowser.textContent = `As the browser: ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
tick();
tellTimes();
