"""An organisation's page shows what every room knows of it: measures, projects, partnerships, bills."""

from __future__ import annotations

import pytest
from django.test import Client

from talka.documents import seeds
from talka.parties.models import Organisation
from talka.parties.queries import work_of

pytestmark = pytest.mark.django_db


def test_an_organisation_is_shown_with_all_its_work(client: Client) -> None:
    seeds.load(seeds.SEEDS / "biomedicine")
    ministry = Organisation.objects.get(code="vm")
    assert {piece.code: piece.count for piece in work_of(ministry, None)} == {
        "plan-responsible": 2,  # 1.1.1 and 3.1.2
        "plan-involved": 5,  # 2.1.1, 3.1.1, 3.1.3, 3.3.1, 3.3.2
        "legislation-bills": 1,  # the law on biobanks
    }
    page = client.get(f"/lv/organisations/{ministry.pk}/").content.decode()
    assert "Biobanku likuma apstiprināšana" in page
    institute = Organisation.objects.get(code="osi")
    assert {piece.code for piece in work_of(institute, None)} == {
        "portfolio-projects",
        "portfolio-partnerships",
    }
