"""The command line: for people, and with `--json` for machines. Answers go to stdout, everything else to stderr.

Exit status: 0 done; 1 done, and something was found (lint errors, a broken record, problems in a file); 2 the
command could not be carried out as given.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from talka.core import translations


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def talka() -> None:
    """Talka: where a smart-specialisation ecosystem does its work."""


def load() -> None:
    """Imports the commands; Django must be set up."""
    from talka.cli import accounts, audit, backup, checks, generated, plan, serve  # noqa: F401, PLC0415 -- as said


def main() -> None:
    """Sets Django up and runs the command; what cannot be done is said in one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "talka.settings")
    translations.compile_all()
    import django  # noqa: PLC0415 -- not before the translations are compiled
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415 -- as above

    try:
        django.setup()
    except ImproperlyConfigured as error:
        fail(str(error))
    except OSError as error:
        fail(f"TALKA_HOME cannot be used ({error}). Set it to a folder that you may write.")
    load()
    from django.db.utils import OperationalError, ProgrammingError  # noqa: PLC0415 -- Django first
    from django.utils.translation import activate  # noqa: PLC0415 -- as above

    from talka.core.actions import Invalid, Refused, Stale  # noqa: PLC0415 -- Django first
    from talka.core.events import MissingKey  # noqa: PLC0415 -- as above
    from talka.core.formats import BadFile  # noqa: PLC0415 -- as above
    from talka.core.memory import settle  # noqa: PLC0415 -- as above

    settle()
    activate("en")  # commands that answer in words of the hub take --language
    try:
        talka(standalone_mode=False)
    except (Invalid, Refused, Stale, MissingKey, BadFile) as error:
        fail(str(error))
    except (OperationalError, ProgrammingError) as error:
        fail(
            f"The database did not answer as needed ({error}). `talka up` prepares it; `talka doctor` looks closer."
        )
    except OSError as error:
        fail(f"{error.filename or 'A file'}: {error.strerror or error}")
    except click.exceptions.Abort:
        fail("Stopped.")
    except click.ClickException as error:
        error.show()
        sys.exit(2)


def fail(message: str) -> NoReturn:
    """Ends the command with status 2 and one sentence."""
    click.echo(message, err=True)
    sys.exit(2)
