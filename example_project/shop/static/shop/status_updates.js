// Keeps a page that follows a deposit or a purchase up to date: asks, puts in what changed, asks again when told to.
"use strict";

const LONGEST_PAUSE_SECONDS = 60;
const part = document.querySelector("[data-live]");

async function follow(seconds) {
  while (seconds !== null) {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    try {
      const answer = await fetch(part.dataset.live);
      if (answer.redirected || answer.status === 404) return; // logged out meanwhile, or gone
      if (!answer.ok) throw new Error(answer.statusText);
      const state = await answer.json();
      show(state);
      seconds = state.refresh_seconds;
    } catch {
      seconds = Math.min(seconds * 2, LONGEST_PAUSE_SECONDS);
    }
  }
}

function show(state) {
  const fresh = document.createElement("div");
  fresh.innerHTML = state.html;
  if (fresh.innerHTML.trim() !== part.innerHTML.trim()) part.replaceChildren(...fresh.childNodes);
  for (const place of document.querySelectorAll("[data-balance]")) place.textContent = state.balance;
  if (state.payable === false) document.querySelector("[data-while-payable]")?.remove();
}

if (part?.dataset.seconds) follow(Number(part.dataset.seconds));
