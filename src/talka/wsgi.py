"""The WSGI door: what a web server imports."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "talka.settings")
application = get_wsgi_application()

# What is loaded by now stays for good; looking through it for garbage made every tenth page take twice as long.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 20)
