// Ignore further clicks on a form that is being sent. The server makes one deposit or purchase in any case.
"use strict";
const RELEASE_MILLISECONDS = 10000;
for (const form of document.querySelectorAll("form[data-skinsback-once]")) {
    const release = () => {
        delete form.dataset.skinsbackSent;
        form.removeAttribute("aria-busy");
    };
    form.addEventListener("submit", (event) => {
        if (form.dataset.skinsbackSent) {
            event.preventDefault();
            return;
        }
        form.dataset.skinsbackSent = "yes";
        form.setAttribute("aria-busy", "true");
        setTimeout(release, RELEASE_MILLISECONDS); // the user may have stopped the request
    });
    // The browser may show the page again as it was, after its back button.
    window.addEventListener("pageshow", release);
}
