// Count the time that is left for a trade offer. The server's text stays if the clock cannot be read.
"use strict";
{
    const show = () => {
        for (const element of document.querySelectorAll("[data-skinsback-countdown]")) {
            const until = Date.parse(element.dataset.skinsbackCountdown);
            if (Number.isNaN(until)) {
                continue;
            }
            const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
            const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
            const sentence = (element.dataset.skinsbackLeft || "0:00").replace("0:00", text);
            element.textContent = seconds ? sentence : element.dataset.skinsbackOver;
        }
    };
    show();
    setInterval(show, 1000);
    document.addEventListener("skinsback:updated", show);
}
