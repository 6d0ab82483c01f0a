// Keeps the number beside “Notices” right on a page that stays open. Without this file each page counts when it is made.
"use strict";

const tally = document.querySelector("[data-stream]");
let stream = null;

function show(count) {
  tally.firstElementChild.textContent = count > 99 ? "99+" : String(count);
  tally.hidden = count === 0;
}

function leave() {
  if (stream) stream.close();
  stream = null;
}

// Only the page somebody looks at listens. A server that has no seat answers 204, after which the browser is quiet.
function listen() {
  if (stream || document.hidden) return;
  stream = new EventSource(tally.dataset.stream);
  stream.addEventListener("unread", (event) => show(Number(event.data)));
  stream.addEventListener("over", () => stream.close());
}

if (tally) {
  listen();
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : listen()));
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", listen);
}
