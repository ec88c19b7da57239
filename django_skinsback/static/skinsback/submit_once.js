// Disable the button after the first click. The server buys only once too.
"use strict";
for (const form of document.querySelectorAll("form[data-skinsback-submit-once]")) {
    form.addEventListener("submit", () => {
        form.querySelector("[type=submit]").disabled = true;
    });
    window.addEventListener("pageshow", () => {
        form.querySelector("[type=submit]").disabled = false;
    });
}
