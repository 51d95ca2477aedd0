"""mypy, with Django's plugin and one thing more: `title = Bilingual(…)` gives a model title_lv and title_en.

The two columns are made while Django reads the class, where mypy does not look. Without this every use of
one would need an ignore, and a misspelt one would go unseen.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy.nodes import AssignmentStmt, CallExpr, NameExpr, RefExpr
from mypy.plugin import ClassDefContext, Plugin
from mypy.plugins.common import add_attribute_to_class
from mypy_django_plugin.main import NewSemanalDjangoPlugin

BILINGUAL = "talka.core.bilingual.Bilingual"
LANGUAGES = ("lv", "en")


class TalkaPlugin(NewSemanalDjangoPlugin):
    """mypy asks only the first plugin that has an answer about a base class; so this one speaks for both."""

    def get_base_class_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        django = super().get_base_class_hook(fullname)
        if django is None:
            return None

        def both(context: ClassDefContext) -> None:
            django(context)
            add_columns(context)

        return both


def add_columns(context: ClassDefContext) -> None:
    for statement in context.cls.defs.body:
        if not isinstance(statement, AssignmentStmt) or not isinstance(statement.rvalue, CallExpr):
            continue
        maker, target = statement.rvalue.callee, statement.lvalues[0]
        if isinstance(maker, RefExpr) and maker.fullname == BILINGUAL and isinstance(target, NameExpr):
            text = context.api.named_type("builtins.str")
            for name in (f"{target.name}_{language}" for language in LANGUAGES):
                if name not in context.cls.info.names:  # a class may say more exactly what the column is
                    add_attribute_to_class(context.api, context.cls, name, text)


def plugin(version: str) -> type[Plugin]:
    """What mypy calls: `plugins` in pyproject.toml names this file."""
    return TalkaPlugin
