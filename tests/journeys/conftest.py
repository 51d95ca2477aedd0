"""A hub as its users meet it: `talka up` on a home of its own, on loopback, opened in a real Chromium.

The biomedicine ecosystem is loaded once; every journey gets a fresh copy of that home and a server over it. A
journey also fails on any message in the browser's console, any refusal of the content security policy and any
request that leaves the machine.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Download,
    Locator,
    Page,
    Request,
    ViewportSize,
)

from tests.lanes import need_chromium

PROJECT = Path(__file__).resolve().parents[2]
PICTURES = PROJECT / "test-results" / "pictures"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}


@dataclass(frozen=True)
class Hub:
    """A running hub: where it is, and the home it runs on."""

    url: str
    home: Path

    def talka(self, *arguments: str) -> str:
        """Runs a `talka` command on this home and returns what it says; it must succeed."""
        return run(self.home, "-m", "talka", *arguments)

    def ask(self, script: str) -> Any:
        """Runs a few lines of Python over this hub's own database; they leave what is asked for in `answer`."""
        begin = "import json, django\ndjango.setup()\n"
        return json.loads(run(self.home, "-c", f"{begin}{script}\nprint(json.dumps(answer))"))


def run(home: Path, *arguments: str) -> str:
    """Runs Python over a home. Raises AssertionError with what it complained of."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment(home),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(home: Path) -> dict[str, str]:
    """The environment of a hub on this home."""
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "TALKA_DEMO"}}
    own = {"TALKA_HOME": str(home), "PYTHONPATH": str(PROJECT / "src")}
    return {**kept, **own, "DJANGO_SETTINGS_MODULE": "talka.settings"}


@pytest.fixture(scope="session")
def loaded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the biomedicine ecosystem, as `talka up` prepares it."""
    need_chromium()
    home = tmp_path_factory.mktemp("hub")
    run(home, "-m", "talka", "up", "--check")
    return home


@pytest.fixture
def hub(loaded_home: Path, tmp_path: Path) -> Iterator[Hub]:
    """A hub of this journey's own."""
    with serving(loaded_home, tmp_path) as started:
        yield started


@contextmanager
def serving(loaded: Path, folder: Path) -> Iterator[Hub]:
    """A server over a copy of a loaded home, in this folder."""
    home = folder / "home"
    shutil.copytree(loaded, home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "talka", "up", "--port", str(port), "--workers", "1"],
            env=environment(home),
            cwd=PROJECT,
            stdout=output,
            stderr=output,
        )
        try:
            url = f"http://localhost:{port}"
            _wait(url, server, log)
            yield Hub(url, home)
        finally:
            server.terminate()
            server.wait(timeout=60)
    # The page that shows a failure of the server says little; its log says all.
    assert "Traceback" not in (said := log.read_text(errors="replace")), said


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise AssertionError(f"the server ended before it answered:\n{log.read_text(errors='replace')}")
        try:
            with urllib.request.urlopen(f"{url}/lv/about/", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"the server did not answer in time:\n{log.read_text(errors='replace')}")


@dataclass
class Visitor:
    """Somebody at a browser, on this hub."""

    page: Page
    hub: Hub

    def go(self, path: str, status: int = 200) -> None:
        """Opens an address of the hub."""
        answer = self.page.goto(self.hub.url + path)
        assert answer is not None
        assert answer.status == status, f"{path} answered {answer.status}"

    def sign_in(self, name: str) -> None:
        """Becomes one of the invented people."""
        self.go("/lv/sign-in/")
        self.page.get_by_role("button", name=name).click()
        self.page.wait_for_url("**/my/")

    def press(self, name: str, within: Locator | None = None) -> None:
        """Presses the button of this name; of several alike the first."""
        (within or self.page).get_by_role("button", name=name).first.click()

    def follow(self, name: str) -> None:
        """Follows the link of this name; of several alike the first."""
        self.page.get_by_role("link", name=name).first.click()

    def sees(self, text: str) -> None:
        """What must stand on the page, whether or not one has to scroll to it."""
        self.page.get_by_text(text).first.wait_for(state="visible")

    def download(self, act: Callable[[], None]) -> Download:
        """The file that an act brings."""
        with self.page.expect_download() as coming:
            act()
        return coming.value

    def picture(self, name: str) -> None:
        """Takes a picture of the whole page, for a person to look at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes that a journey failed, so that what its people saw last is kept as pictures."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def visitor(browser: Browser, hub: Hub, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors, each with a browser profile of their own: `anna = visitor()`, `bruno = visitor(phone=True)`."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # The browser itself reports each 4xx answer and htmx each lost connection; journeys that expect one
        # assert what their people see of it.
        expected = message.text.startswith(("Failed to load resource", "htmx:sendError", "htmx:afterRequest"))
        if message.type in {"error", "warning"} and not expected:
            complaints.append(f"console: {message.text}")

    def watch(asked: Request) -> None:
        if not asked.url.startswith((hub.url, "data:", "blob:")):
            complaints.append(f"left the hub: {asked.url}")

    def make(*, phone: bool = False, dark: bool = False, language: str = "lv-LV") -> Visitor:
        context = browser.new_context(
            viewport=PHONE if phone else DESK,
            is_mobile=phone,
            has_touch=phone,
            locale=language,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            accept_downloads=True,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        page.on("request", watch)
        return Visitor(page, hub)

    yield make
    for nth, context in enumerate(contexts, 1):
        if request.node.stash.get(FAILED, False):
            Visitor(context.pages[0], hub).picture(f"failed-{request.node.name.split('[')[0]}-{nth}")
        context.close()
    assert complaints == []
