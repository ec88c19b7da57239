// The inventory: search and order without loading the page again, and the value of the chosen skins.
"use strict";
{
    const DIGITS = 6;
    const filter = document.querySelector("[data-skinsback-filter]");
    const picker = document.querySelector("[data-skinsback-picker]");

    // Amounts as whole millionths, because binary fractions cannot hold most amounts.
    const toMillionths = (text) => {
        const match = /^(-?)(\d+)(?:\.(\d{1,6})\d*)?$/.exec(text);
        return match ? BigInt(match[2] + (match[3] || "").padEnd(DIGITS, "0")) : 0n;
    };

    const toText = (millionths, zero) => {
        const digits = String(millionths).padStart(DIGITS + 1, "0");
        const fraction = digits.slice(-DIGITS).replace(/0{1,4}$/, "");
        const separator = /0(\D)00/.exec(zero);
        return zero.replace(/0\D00/, digits.slice(0, -DIGITS) + (separator ? separator[1] : ".") + fraction);
    };

    const showTotal = () => {
        const total = picker.querySelector("[data-skinsback-total]");
        const chosen = [...picker.querySelectorAll("input[name=item]:checked")];
        const sum = picker.querySelector("[data-skinsback-sum]");
        total.hidden = false;
        picker.querySelector("[data-skinsback-count]").textContent = String(chosen.length);
        if (sum) {
            const prices = chosen.map((box) => toMillionths(box.closest("li").dataset.skinsbackPrice));
            sum.textContent = toText(prices.reduce((all, one) => all + one, 0n), total.dataset.skinsbackZero);
        }
    };

    const apply = () => {
        const words = filter.elements.q.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
        const sort = filter.elements.sort.value;
        const list = picker.querySelector("ul");
        const items = [...list.children];
        const isUsable = (item) => item.querySelector("input") !== null;
        const byName = (one, other) => one.dataset.skinsbackName.localeCompare(other.dataset.skinsbackName);
        const byPrice = (one, other) => {
            const difference = toMillionths(one.dataset.skinsbackPrice) - toMillionths(other.dataset.skinsbackPrice);
            return difference < 0n ? -1 : difference > 0n ? 1 : byName(one, other);
        };
        const order = {name: byName, price: byPrice, "-price": (one, other) => byPrice(other, one)}[sort];
        items.sort((one, other) => Number(isUsable(other)) - Number(isUsable(one)) || order(one, other));
        let shown = 0;
        for (const item of items) {
            const name = item.dataset.skinsbackName.toLocaleLowerCase();
            item.hidden = !words.every((word) => name.includes(word));
            shown += item.hidden ? 0 : 1;
        }
        list.append(...items);
        document.querySelector("[data-skinsback-no-match]").hidden = shown > 0;
    };

    if (filter && picker) {
        // The page holds the whole inventory only if the server did not search it.
        if (!filter.elements.q.value) {
            filter.elements.q.addEventListener("input", apply);
            filter.elements.sort.addEventListener("change", apply);
            filter.addEventListener("submit", (event) => {
                event.preventDefault();
                apply();
            });
            filter.querySelector("[type=submit]").hidden = true;
        }
        picker.addEventListener("change", showTotal);
        window.addEventListener("pageshow", showTotal);
        showTotal();
    }
}
