"""What must hold however many act at once, and when the power goes: on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from talka.billing import actions
from talka.billing.tests import factories
from talka.billing.tests.factories import Scene
from talka.core.actions import SYSTEM
from tests.lanes import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scene() -> Scene:
    return factories.scene()


def ask(what: str, home: Path, *, first: bool = True) -> Any:
    """What a process of its own says that works on the rows of this test, or on a copy where they are in memory."""
    environment = {**os.environ, "TALKA_HOME": str(home), "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    if connection.vendor == "sqlite":
        environment.pop("DATABASE_URL", None)
        if first:
            with sqlite3.connect(home / "talka.sqlite3") as copy:
                connection.connection.backup(copy)
            copy.close()
    else:
        told = connection.settings_dict
        environment["DATABASE_URL"] = (
            f"postgres://{told['USER']}:{told['PASSWORD']}@{told['HOST']}:{told['PORT']}/{told['NAME']}"
        )
    done = subprocess.run(
        [sys.executable, "-m", "talka.billing.tests.child", what],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == -signal.SIGKILL:
        return "killed"
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def accounts(scene: Scene, count: int) -> None:
    """So many accounts with a use each."""
    for index in range(count):
        payer = factories.customer(f"sia-{index}")
        factories.use(
            factories.account(scene.issuer, payer, f"konts-{index}"), scene.tariff, key=f"use/{index}"
        )


def test_eight_who_invoice_at_once_leave_no_gap_and_no_number_twice(scene: Scene, tmp_path: Path) -> None:
    accounts(scene, 31)
    factories.use(scene.account, scene.tariff)
    found = ask("number", tmp_path)
    assert found["sequences"] == list(range(1, 33))
    assert (found["twice"], found["last"]) == ([], [32])


def test_four_who_run_a_month_at_once_invoice_each_use_once(scene: Scene, tmp_path: Path) -> None:
    accounts(scene, 12)
    found = ask("run", tmp_path)
    assert found == {
        "sequences": list(range(1, 13)), "twice": [], "lines": 12, "documents": 12, "last": [12],
    }  # fmt: skip


def test_a_run_that_is_cut_off_leaves_nothing_and_its_numbers_are_given_again(
    scene: Scene, tmp_path: Path
) -> None:
    accounts(scene, 12)
    assert ask("killed", tmp_path) == "killed"
    assert ask("facts", tmp_path, first=False) == {
        "sequences": [], "twice": [], "lines": 0, "documents": 0, "last": [],
    }  # fmt: skip
    assert ask("run", tmp_path, first=False)["sequences"] == list(range(1, 13))


def test_grants_at_once_do_not_pass_the_ceiling_together(scene: Scene, tmp_path: Path) -> None:
    daughter = factories.customer("meita")
    actions.link_undertakings(
        scene.customer, by=SYSTEM, controlled=daughter, ground="votes", starts=date(2026, 1, 1)
    )
    assert ask("aid", tmp_path) == {"said": ["50000.00"] * 6 + ["refused: aid"] * 2, "sum": "300000.00"}


def test_uses_at_once_do_not_pass_the_cap_together(scene: Scene, tmp_path: Path) -> None:
    actions.edit_account(scene.account, by=SYSTEM, cap=Decimal(500))
    assert ask("cap", tmp_path) == {"said": ["1"] * 4 + ["refused: account"] * 4, "sum": "480.00"}


def test_what_is_clicked_eight_times_is_done_once(scene: Scene, tmp_path: Path) -> None:
    factories.use(scene.account, scene.tariff)
    factories.invoice(scene.issuer)
    assert ask("twice", tmp_path) == {
        "sent": ["refused: None"] * 7 + ["sent"],
        "paid": ["50.00"] + ["refused: reference"] * 7,
    }
