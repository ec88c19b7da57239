// Reload the page of a purchase until its status is final, unless the page is hidden or in use.
"use strict";
{
    const INTERVAL_MILLISECONDS = 5000;
    const mustWait = () => document.hidden || !document.querySelector("[data-skinsback-auto-reload]")
        || document.activeElement?.closest("#content") || !document.getSelection().isCollapsed;
    setInterval(() => {
        if (!mustWait()) {
            window.location.reload();
        }
    }, INTERVAL_MILLISECONDS);
}
