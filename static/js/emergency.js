// Counts an emergency down by the second. Without this file the banner says until when, and how long that was at first.
//
// <span data-countdown="2026-11-21T14:02:11+00:00"   when it ends
//       data-left="{hours} h {minutes} min left"     what is said until then, translated
//       data-over="over">                            what is said at the end; the page is asked for anew and says why
"use strict";

for (const shown of document.querySelectorAll("[data-countdown]")) {
  const ends = Date.parse(shown.dataset.countdown);
  const count = () => {
    const minutes = Math.floor((ends - Date.now()) / 60000);
    if (ends <= Date.now()) {
      shown.textContent = shown.dataset.over;
      window.clearInterval(ticking);
      // What stood here must not stay on a screen that somebody left.
      document.querySelector("main")?.replaceChildren();
      window.location.reload();
      return;
    }
    shown.textContent = shown.dataset.left
      .replace("{hours}", Math.floor(minutes / 60))
      .replace("{minutes}", minutes % 60);
  };
  const ticking = window.setInterval(count, 1000);
  count();
}
