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
            result.textContent = text ? field.dataset[isGood ? "skinsbackGood" : "skinsbackBad"] : "";
            result.classList.toggle("skinsback-in", isGood);
            result.classList.toggle("skinsback-out", !isGood);
        };
        result.hidden = false; // it is empty, but keeps its place: a button below must not move while it is clicked
        input.addEventListener("input", check);
    }
}
