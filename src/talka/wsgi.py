"""The WSGI door: what a web server imports."""

import os

from django.core.wsgi import get_wsgi_application

from talka.core.memory import settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "talka.settings")
application = get_wsgi_application()
settle()
