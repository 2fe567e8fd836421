// Times: elapsed ones tick, past ones are told in the reader's zone.
import { $$ } from "./dom.js";

const clock = (seconds) => seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
const tick = () => $$("[data-since]").forEach((node) => { node.textContent = clock(Math.max(0, Math.round((Date.now() - Date.parse(node.dataset.since)) / 1000))); });
setInterval(tick, 1000);
const tellTimes = () => $$("time[data-clock]").forEach((node) => { node.textContent = new Date(node.dateTime).toLocaleTimeString(); });
addEventListener("mouseover", ({ target }) => { if (target.dateTime && target.nodeName === "TIME") target.title = new Date(target.dateTime).toLocaleString(); });
addEventListener("morphed", tellTimes);

tick();
tellTimes();
