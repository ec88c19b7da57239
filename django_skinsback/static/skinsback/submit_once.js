// A second click finds the button off. The server would not buy twice either.
"use strict";
for (const form of document.querySelectorAll("form[data-skinsback-once]")) {
    form.addEventListener("submit", () => {
        form.querySelector("[type=submit]").disabled = true;
    });
    window.addEventListener("pageshow", () => {
        form.querySelector("[type=submit]").disabled = false;
    });
}
