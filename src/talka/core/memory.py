"""What a process has loaded by the time it begins its work stays for good, so it is no garbage to look for."""

from __future__ import annotations

import gc


def settle() -> None:
    """Called once, when everything is loaded: by the web server's door and by the command line.

    Going through all of Django's classes again and again made every tenth page take twice as long, and a quarter of
    the linter's time; what a page leaves behind is still collected, only less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
