import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.support import services

ROOT = Path(__file__).resolve().parents[2]
QUIET_BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGE_SECONDS = 60
START_SECONDS, STOP_SECONDS = 90, 30


@dataclass
class Demo:
    """The demo as ``make demo`` starts it, with its own ports and folder."""

    process: subprocess.Popen[str]
    site: str
    sandbox: str
    printed: list[str] = field(default_factory=list)
    lines: queue.Queue[str | None] = field(default_factory=queue.Queue)

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, text, seconds):
        """Read output until ``text`` is printed; fail with the whole output if the demo ends or takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                pytest.fail(f"The demo did not print {text!r}:\n{''.join(self.printed)}")
            self.printed.append(line)
            if text in line:
                return

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


def start_demo(folder, site_port, sandbox_port):
    environment = {
        **os.environ,
        "SKINSBACK_DEMO_DIR": str(folder),
        "SITE_PORT": str(site_port),
        "SANDBOX_PORT": str(sandbox_port),
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)  # pytest's own
    process = subprocess.Popen(
        [sys.executable, "example_project/demo.py"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    demo = Demo(process, f"http://127.0.0.1:{site_port}", f"http://127.0.0.1:{sandbox_port}")
    threading.Thread(target=demo.read, daemon=True).start()
    return demo


def free_ports(count):
    """Return ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    demo = start_demo(tmp_path_factory.mktemp("demo"), *free_ports(2))
    try:
        demo.wait_for("Ctrl-C stops everything.", START_SECONDS)
        yield demo
    finally:
        demo.stop()
        demo.process.stdout.close()


@contextmanager
def open_browser():
    """Open Chromium. Without it, skip the test, or fail where services are required."""
    chromium = services.chromium()
    if chromium is None:
        missing = "Chromium is not installed: apt-get install chromium"
        pytest.fail(missing) if services.REQUIRED else pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET_BROWSER)
        yield browser
        browser.close()


def pay_with_a_skin(pay_page):
    """On the pay page, choose the most expensive skin and accept the trade. Return the price shown: ``$1.50``."""
    pay_page.get_by_role("checkbox", disabled=False).first.check()
    shown = pay_page.locator(".total")
    expect(shown).to_have_text(re.compile(r"[1-9]"))  # its script runs
    worth = shown.text_content().removesuffix(" USD")
    # By the keyboard: the browser may lose a click into a frame of another site whose layout has just changed.
    pay_page.get_by_role("button", name="Deposit", exact=True).press("Enter")
    pay_page.get_by_role("button", name="Accept the trade").press("Enter")
    return f"${worth}"


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def visit(browser, demo):
    """``visit("alice")`` opens the shop, logged in as alice. An error in the browser's console fails the test."""
    expect.set_options(timeout=PAGE_SECONDS * 1000)
    errors, contexts = [], []

    def visit(name):
        context = browser.new_context(base_url=demo.site, locale="en-US")
        context.set_default_timeout(PAGE_SECONDS * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto("/login/")
        page.get_by_role("button", name=re.compile(f"^{name} ")).click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not errors
