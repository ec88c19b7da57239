// Ignore further clicks on a form that is being sent. The server makes one deposit or purchase in any case.
"use strict";
for (const form of document.querySelectorAll("form[data-skinsback-once]")) {
    form.addEventListener("submit", (event) => {
        if (form.dataset.skinsbackSent) {
            event.preventDefault();
            return;
        }
        form.dataset.skinsbackSent = "yes";
        form.setAttribute("aria-busy", "true");
    });
    // The browser may show the page again as it was, after its back button.
    window.addEventListener("pageshow", () => {
        delete form.dataset.skinsbackSent;
        form.removeAttribute("aria-busy");
    });
}
