// Updates the page of a deposit or a purchase: fetches its state and fetches it again after `refresh_seconds`.
"use strict";

const MAX_DELAY_SECONDS = 60;
const section = document.querySelector("[data-status-url]");

async function poll(seconds) {
  while (seconds !== null) {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    try {
      const answer = await fetch(section.dataset.statusUrl);
      if (answer.redirected || answer.status === 404) return; // logged out, or the row is gone
      if (!answer.ok) throw new Error(answer.statusText);
      const state = await answer.json();
      show(state);
      seconds = state.refresh_seconds;
    } catch {
      seconds = Math.min(seconds * 2, MAX_DELAY_SECONDS);
    }
  }
}

function show(state) {
  const updated = document.createElement("div");
  updated.innerHTML = state.html;
  if (updated.innerHTML.trim() !== section.innerHTML.trim()) section.replaceChildren(...updated.childNodes);
  for (const element of document.querySelectorAll("[data-balance]")) element.textContent = state.balance;
  if (state.payable === false) document.querySelector("[data-while-payable]")?.remove();
}

if (section?.dataset.seconds) poll(Number(section.dataset.seconds));
