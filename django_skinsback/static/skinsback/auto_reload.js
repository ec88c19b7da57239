// Shows a purchase again until its status is decided, unless the page is out of sight or being used.
"use strict";
{
    const EVERY_MILLISECONDS = 5000;
    const inUse = () => document.hidden || !document.querySelector("[data-skinsback-follow]")
        || document.activeElement?.closest("#content") || !document.getSelection().isCollapsed;
    setInterval(() => {
        if (!inUse()) {
            window.location.reload();
        }
    }, EVERY_MILLISECONDS);
}
