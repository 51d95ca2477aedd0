"""The rules over a plan: what they find in the real one, and each by itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from talka.core import lint
from talka.plan.tests import factories

pytestmark = pytest.mark.django_db
KEY = Path(__file__).with_name("answer_key.yaml")


def test_real_plan_has_exactly_the_defects_of_the_answer_key():
    plan = factories.real_plan(factories.ecosystem())
    found = Counter((each.code, each.severity, each.place) for each in lint.run("plan.plan", plan))
    key = yaml.load(KEY.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    expected = Counter((row["code"], row["severity"], place) for row in key for place in row["places"])
    assert found == expected
