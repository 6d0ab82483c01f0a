// Looks again whether something changed in a waiting room, and says so politely. Without this file the page loads anew.
"use strict";

const waiting = document.querySelector("[data-again]");

function plain(element) {
  return element.textContent.replace(/\s+/g, " ").trim();
}

async function again() {
  let answer;
  try {
    answer = await fetch("?again", { credentials: "same-origin", cache: "no-store" });
  } catch {
    return true; // no network at the moment
  }
  // Signed out, or the page is no more: whatever it says now is to be seen as a whole.
  if (answer.redirected || !answer.ok) return location.reload();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const now = page.querySelector("#waiting");
  if (!now) return location.reload();
  if (plain(now) !== plain(waiting)) {
    waiting.replaceChildren(...now.childNodes);
    document.title = page.title;
  }
  return Boolean(now.dataset.again);
}

async function look() {
  if (await again()) window.setTimeout(look, 1000 * Number(waiting.dataset.again));
}

if (waiting) window.setTimeout(look, 1000 * Number(waiting.dataset.again));
