"""A hub as its users meet it: `talka up` on a home of its own, on loopback, opened in a real Chromium.

The biomedicine ecosystem is loaded once; every journey gets a fresh copy of that home and a server over it. A
journey also fails on any message in the browser's console, any refusal of the content security policy and any
request that leaves the machine.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.lanes import need_chromium

PROJECT = Path(__file__).resolve().parents[2]
PICTURES = PROJECT / "test-results" / "pictures"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@dataclass(frozen=True)
class Hub:
    """A running hub: where it is, and the home it runs on."""

    url: str
    home: Path

    def talka(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a `talka` command on this home."""
        return subprocess.run(
            [sys.executable, "-m", "talka", *arguments],
            env=environment(self.home), cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False,
        )


def environment(home: Path) -> dict[str, str]:
    """The environment of a hub on this home."""
    kept = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "TALKA_DEMO"}}
    return {**kept, "TALKA_HOME": str(home), "PYTHONPATH": str(PROJECT / "src"), "DJANGO_SETTINGS_MODULE": "talka.settings"}


@pytest.fixture(scope="session")
def loaded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the biomedicine ecosystem, as `talka up` prepares it."""
    need_chromium()
    home = tmp_path_factory.mktemp("hub")
    done = subprocess.run(
        [sys.executable, "-m", "talka", "up", "--check"],
        env=environment(home), cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
    )
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def hub(loaded_home: Path, tmp_path: Path) -> Iterator[Hub]:
    """A hub of this journey's own."""
    home = tmp_path / "home"
    shutil.copytree(loaded_home, home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "server.log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "talka", "up", "--port", str(port), "--workers", "1"],
        env=environment(home), cwd=PROJECT, stdout=log, stderr=log,
    )
    try:
        url = f"http://localhost:{port}"
        _wait(url, server)
        yield Hub(url, home)
    finally:
        server.terminate()
        server.wait(timeout=60)
        log.close()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise AssertionError("the server ended before it answered")
        try:
            with urllib.request.urlopen(f"{url}/lv/about/", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError("the server did not answer within a minute")


@dataclass
class Visitor:
    """Somebody at a browser, on this hub."""

    page: Page
    hub: Hub

    def go(self, path: str) -> None:
        """Opens an address of the hub."""
        answer = self.page.goto(self.hub.url + path)
        assert answer is not None
        assert answer.status == 200, f"{path} answered {answer.status}"

    def sign_in(self, name: str) -> None:
        """Becomes one of the invented people."""
        self.go("/lv/sign-in/")
        self.page.get_by_role("button", name=name).click()
        self.page.wait_for_url("**/my/")

    def picture(self, name: str) -> None:
        """Takes a picture of the whole page, for a person to look at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@pytest.fixture
def visitor(browser: Browser, hub: Hub) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors: `anna = visitor()`, `bruno = visitor(phone=True)`; each has a browser profile of his or her own."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # The browser itself reports each 4xx answer; journeys that expect one assert it themselves.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            complaints.append(f"console: {message.text}")

    def watch(request: Request) -> None:
        if not request.url.startswith((hub.url, "data:", "blob:")):
            complaints.append(f"left the hub: {request.url}")

    def make(*, phone: bool = False, dark: bool = False, language: str = "lv-LV") -> Visitor:
        context = browser.new_context(
            viewport=PHONE if phone else DESK, is_mobile=phone, has_touch=phone, locale=language,
            color_scheme="dark" if dark else "light", reduced_motion="reduce", accept_downloads=True,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        page.on("request", watch)
        return Visitor(page, hub)

    yield make
    for context in contexts:
        context.close()
    assert complaints == []
