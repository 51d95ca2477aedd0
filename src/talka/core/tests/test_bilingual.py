"""Bilingual text reads in the reader's language, and in the other where that is missing."""

import pytest
from django.utils.translation import override

from talka.core.bilingual import Text, both
from talka.domains.models import Mission


@pytest.mark.parametrize(
    ("lv", "en", "in_latvian", "in_english"),
    [
        ("jūra", "sea", "jūra", "sea"),
        ("jūra", "", "jūra", "jūra"),
        ("", "sea", "sea", "sea"),
        ("", "", "", ""),
    ],
)
def test_the_readers_language_or_the_other(lv: str, en: str, in_latvian: str, in_english: str) -> None:
    mission = Mission(title_lv=lv, title_en=en)
    with override("lv"):
        assert mission.title == in_latvian
    with override("en"):
        assert mission.title == in_english
    assert both(mission, "title") == Text(lv, en)


def test_latvian_is_required_and_english_is_not() -> None:
    fields = {field.name: field.blank for field in Mission._meta.concrete_fields}
    assert (fields["title_lv"], fields["title_en"], fields["summary_lv"]) == (False, True, True)
