// Say at once whether the text in the field is a trade URL. The server checks it again.
"use strict";
{
    const TRADE_URL = /^(?:https?:\/\/)?(?:www\.)?steamcommunity\.com\/tradeoffer\/new\/?\?(?=(?:.*&)?partner=\d+(?:&|$))(?=(?:.*&)?token=[\w-]{8}(?:&|$))/i;
    for (const field of document.querySelectorAll("[data-skinsback-trade-url]")) {
        const input = field.querySelector("input");
        const result = field.querySelector("[data-skinsback-check]");
        const check = () => {
            const text = input.value.trim();
            const isGood = TRADE_URL.test(text);
            const shown = text ? field.dataset[isGood ? "skinsbackGood" : "skinsbackBad"] : "";
            if (result.textContent === shown) {
                return;
            }
            result.hidden = !text;
            result.textContent = shown;
            result.classList.toggle("skinsback-in", isGood);
            result.classList.toggle("skinsback-out", !isGood);
        };
        // Not "change": it fires when the button is pressed, and the new line would move the button away from the click.
        input.addEventListener("input", check);
    }
}
