// Update the status of a deposit or purchase. The server answers 304 as long as nothing has changed.
"use strict";
{
    const FIRST_SECONDS = 2;
    const LONGEST_SECONDS = 60;
    const GROWTH = 1.5;

    // The server's wait for this status, but not above the limit. Empty or missing: the status is final.
    const refreshSeconds = (area) => {
        const root = area.querySelector("[data-skinsback-refresh]");
        return root && root.dataset.skinsbackRefresh ? Number(root.dataset.skinsbackRefresh) : null;
    };

    const whenVisible = () => new Promise((resolve) => {
        if (!document.hidden) {
            resolve();
            return;
        }
        const look = () => {
            if (!document.hidden) {
                document.removeEventListener("visibilitychange", look);
                resolve();
            }
        };
        document.addEventListener("visibilitychange", look);
    });

    // Wait, but not longer than until the user comes back to the page.
    const pause = (seconds) => new Promise((resolve) => {
        const end = () => {
            clearTimeout(timer);
            document.removeEventListener("visibilitychange", end);
            resolve();
        };
        const timer = setTimeout(end, seconds * 1000);
        document.addEventListener("visibilitychange", end);
    });

    const replace = (area, html) => {
        const place = area.querySelector("[data-skinsback-fragment]");
        const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
        const parsed = new DOMParser().parseFromString(html, "text/html");
        place.replaceChildren(...parsed.body.childNodes);
        const root = place.querySelector("[data-skinsback-refresh]");
        if (focused) {
            const same = [...place.querySelectorAll("a[href]")].find((link) => link.getAttribute("href") === focused);
            if (same) {
                same.focus();
            }
        }
        if (!root) {
            return;
        }
        const announce = area.querySelector("[data-skinsback-announce]");
        if (announce && announce.textContent !== root.dataset.skinsbackTitle) {
            announce.textContent = root.dataset.skinsbackTitle || "";
        }
        if (root.dataset.skinsbackNewBalance) {
            for (const shown of document.querySelectorAll("[data-skinsback-balance]")) {
                shown.textContent = root.dataset.skinsbackNewBalance;
            }
        }
        if (root.dataset.skinsbackPayable === "no") {
            for (const element of document.querySelectorAll("[data-skinsback-while-payable]")) {
                element.remove();
            }
        }
        document.dispatchEvent(new CustomEvent("skinsback:updated", {detail: {area}}));
    };

    const poll = async (area) => {
        const problem = area.querySelector("[data-skinsback-poll-problem]");
        const base = () => Math.max(FIRST_SECONDS, refreshSeconds(area) ?? FIRST_SECONDS);
        let seconds = base();
        while (refreshSeconds(area) !== null) {
            await pause(seconds);
            await whenVisible();
            try {
                const answer = await fetch(area.dataset.skinsbackLive, {
                    headers: {"If-None-Match": area.dataset.skinsbackTag || '""', "X-Requested-With": "XMLHttpRequest"},
                    cache: "no-store",
                    credentials: "same-origin",
                    redirect: "manual",
                });
                if (answer.type === "opaqueredirect" || answer.status === 404) {
                    window.location.reload(); // logged out, or the row is gone: the page says what to do
                    return;
                }
                if (answer.status !== 304) {
                    if (!answer.ok) {
                        throw new Error(String(answer.status));
                    }
                    const html = await answer.text();
                    area.dataset.skinsbackTag = answer.headers.get("ETag") || "";
                    replace(area, html);
                    seconds = base();
                } else {
                    seconds = problem.hidden ? Math.min(seconds * GROWTH, LONGEST_SECONDS) : base();
                }
                problem.hidden = true;
            } catch {
                problem.hidden = false;
                seconds = Math.min(seconds * 2, LONGEST_SECONDS);
            }
        }
        const again = area.querySelector("[data-skinsback-again]");
        if (again) {
            again.remove();
        }
    };

    for (const area of document.querySelectorAll("[data-skinsback-live]")) {
        poll(area);
    }
}
