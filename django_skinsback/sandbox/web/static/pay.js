// Optional: the page works without this file.
"use strict";

document.body.classList.add("scripted");

const account = document.querySelector(".account select");
if (account) account.addEventListener("change", () => account.form.requestSubmit());

const form = document.querySelector("form[data-currency]");
if (form) {
  const boxes = [...form.querySelectorAll("input[name=asset_id]")];
  const button = form.querySelector(".summary button");
  const show = () => {
    const chosen = boxes.filter((box) => box.checked);
    const cents = chosen.reduce((sum, box) => sum + Number(box.dataset.cents), 0);
    const amount = (cents / 100).toLocaleString("en-US", { minimumFractionDigits: 2 });
    form.querySelector(".count").textContent =
      chosen.length === 0 ? "Tick the skins you give" : chosen.length === 1 ? "1 skin" : `${chosen.length} skins`;
    form.querySelector(".total").textContent = `${amount} ${form.dataset.currency}`;
    button.disabled = chosen.length === 0;
  };
  form.addEventListener("change", show);
  window.addEventListener("pageshow", show);
  show();
}

const decide = document.querySelector("form.decide");
if (decide) {
  let sent = false;
  decide.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  window.addEventListener("pageshow", () => { sent = false; });
}
