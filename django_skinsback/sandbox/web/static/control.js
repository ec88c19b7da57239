// Optional: updates the page every two seconds. The page works without this file.
"use strict";

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch("/", { cache: "no-store" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    const inUse = part.contains(document.activeElement) || part.matches(":hover");
    if (other && !inUse && other.innerHTML !== part.innerHTML) part.innerHTML = other.innerHTML;
  }
}

setInterval(() => refresh().catch(() => {}), 2000);
