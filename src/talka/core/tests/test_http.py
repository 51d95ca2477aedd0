"""Where a refused request leads back to: the page it was sent from, never another site."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from talka.core.http import form_page

HERE = "/lv/biomed/plan/measures/7/accept/?next=1"


@pytest.mark.parametrize(
    ("method", "referer", "page"),
    [
        ("get", "http://testserver/lv/", HERE),
        ("post", "", HERE),
        (
            "post",
            "http://testserver/lv/biomed/plan/measures/7/?tab=2#report",
            "/lv/biomed/plan/measures/7/?tab=2",
        ),
        ("post", "http://elsewhere.example/lv/", HERE),
        ("post", "javascript:alert(1)", HERE),
        ("post", "http://testserver", "/"),
    ],
)
def test_a_refused_request_leads_back_to_the_page_it_came_from(method: str, referer: str, page: str) -> None:
    request = getattr(RequestFactory(), method)(HERE, HTTP_REFERER=referer)
    assert form_page(request) == page
