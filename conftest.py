"""What every test gets, in tests/ and in the rooms: a home of its own, no network, warnings that count.

It stands at the root because rooms keep their tests beside their code, out of reach of tests/conftest.py.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.lanes import need_chromium

# Before the settings are read. That is why DJANGO_SETTINGS_MODULE is not in pyproject.toml: there it would be
# loaded ahead of this file, and tests would write into the developer's own data.
HOME = tempfile.mkdtemp(prefix="talka-test-")
os.environ["TALKA_HOME"] = HOME
os.environ["DJANGO_SETTINGS_MODULE"] = "talka.settings"
# Playwright leaves an event loop in the main thread, where Django would then refuse every test's own queries.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# quick: the same few examples on every run. `--hypothesis-profile long` goes looking for new ones.
hypothesis.settings.register_profile("quick", max_examples=25, derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("long", max_examples=2000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("quick")

# Asking for one of these makes a test a browser test, marked or not.
BROWSER_FIXTURES = {"browser", "browser_type", "context", "new_context", "page", "playwright"}


def pytest_configure() -> None:
    import django  # noqa: PLC0415 -- only now is the environment as the settings expect it

    from talka.core import translations  # noqa: PLC0415 -- once `src` is on the path

    translations.compile_all()
    django.setup()

    from django.conf import settings  # noqa: PLC0415 -- as above

    # xdist's workers inherit DJANGO_SETTINGS_MODULE, so that their settings are read before this file names their home.
    settings.HOME = Path(HOME)
    settings.MEDIA_ROOT = settings.HOME / "media"
    settings.EMAIL_FILE_PATH = settings.HOME / "mail"


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if BROWSER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
    if os.environ.get("TALKA_LANE") == "postgresql":
        # A browser sees the same pages whichever database is underneath.
        seen = [
            item for item in items if item.get_closest_marker("browser") or item.get_closest_marker("once")
        ]
        config.hook.pytest_deselected(items=seen)
        items[:] = [item for item in items if item not in seen]


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Ids begin anew in each test, so what one kept would be told to the next."""
    from django.core.cache import caches  # noqa: PLC0415 -- only now are the settings read

    for each in caches.all(initialized_only=True):
        each.clear()


@pytest.fixture(autouse=True)
def _no_language_left_behind() -> Iterator[None]:
    """A page asked for in English would leave the thread, and with it the next test, speaking English."""
    yield
    from django.utils import translation  # noqa: PLC0415 -- as above

    translation.deactivate()


# --- no network ------------------------------------------------------------------------------------------


def _refuse_far(self: socket.socket, address: Any) -> None:
    if self.family in {socket.AF_INET, socket.AF_INET6} and not _near(address[0]):
        raise AssertionError(
            f"a test tried to reach {address[0]}; tests may use this machine's loopback only"
        )


def _near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"", "localhost"}


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_far(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_far(self, address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not _near(name):
            raise AssertionError(
                f"a test tried to look up {name}; tests may use this machine's loopback only"
            )
        return look_up(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


# --- the browser -----------------------------------------------------------------------------------------


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser"):
        need_chromium()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync"]
    offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
    rootly = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox does not work for root
    return {
        **browser_type_launch_args,
        "executable_path": str(need_chromium()),
        "args": [*quiet, offline, *rootly],
    }


@pytest.fixture(scope="session")
def base_url() -> None:
    """None: tests give whole addresses. It stands in for the plugin's own, which pytest 9 warns about."""
