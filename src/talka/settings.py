"""Settings: one file, every knob an environment variable with a default that works on a bare machine.

TALKA_HOME        folder of the embedded database, attachments, keys and audit heads (default: ./var)
DATABASE_URL      postgres://user:password@host:port/name; absent: SQLite in TALKA_HOME
TALKA_SECRET_KEY  absent: made once and kept in TALKA_HOME/secret.key
TALKA_DEBUG       1 shows tracebacks; never in public
TALKA_HOSTS       comma-separated host names to answer for (default: loopback names)
TALKA_DEMO        1 offers the demo roles on the sign-in page (set by `talka up` on loopback)
TALKA_MAIL_URL    smtp://user:password@host:port; absent: letters are written as files to TALKA_HOME/mail
TALKA_MAIL_FROM   sender of reminders
TALKA_URL         where people reach this hub, for links in letters (set by `talka up` if it is not)
TALKA_PUBLISHER   code of the organisation that publishes the open data; absent: each ecosystem in its own name
"""

import os
import secrets
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

PROJECT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("TALKA_HOME", PROJECT / "var")).resolve()
TESTING = "pytest" in sys.modules


def secret_key() -> str:
    """The configured key, or one made on the first start and kept with the data."""
    if given := os.environ.get("TALKA_SECRET_KEY"):
        return given
    if TESTING:
        return "only-for-tests"
    path = HOME / "secret.key"
    if not path.exists():
        HOME.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds the database and the keys
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(secrets.token_urlsafe(50))
    return path.read_text().strip()


def database() -> dict[str, object]:
    """Django's description of the database that DATABASE_URL names; SQLite in TALKA_HOME without one."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HOME / "talka.sqlite3",
            "CONN_MAX_AGE": 60,  # opening it costs as much as a page's questions
            "OPTIONS": {
                # IMMEDIATE: a write transaction takes its lock at the start, so two writers queue
                # instead of failing half-way with "database is locked".
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
                " PRAGMA cache_size=-65536; PRAGMA mmap_size=268435456;",
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            f"DATABASE_URL begins with {parts.scheme!r}; Talka runs on postgres://user:password@host:port/name, "
            "or on its embedded SQLite when DATABASE_URL is not set."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


SECRET_KEY = secret_key()
DEBUG = os.environ.get("TALKA_DEBUG") == "1"
DEMO = os.environ.get("TALKA_DEMO") == "1"
ALLOWED_HOSTS = os.environ.get("TALKA_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
ROOT_URLCONF = "talka.urls"
WSGI_APPLICATION = "talka.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Top of the house first: templates and translations are looked up in this order.
ROOMS = [
    "talka.web",
    "talka.api",
    "talka.documents",
    "talka.facilities",
    "talka.portfolio",
    "talka.billing",
    "talka.biobanks",
    "talka.plan",
    "talka.strategy",
    "talka.network",
    "talka.governance",
    "talka.legislation",
    "talka.parties",
    "talka.domains",
    "talka.ui",
    "talka.core",
]
INSTALLED_APPS = [
    *ROOMS,
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "talka.core.http.SecurityHeaders",
    # Tests count the questions of a page that is drawn; the one that is about kept pages adds it.
    *([] if TESTING else ["talka.core.kept.KeptPages"]),
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "talka.core.http.VerbErrors",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "talka.web.shell.context",
            ],
            "builtins": [
                "talka.ui.templatetags.ui",
                "django.templatetags.i18n",
                "django.templatetags.static",
            ],
        },
    }
]
DATABASES = {"default": database()}

AUTH_USER_MODEL = "parties.Account"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

LANGUAGE_CODE = "lv"
LANGUAGES = [("lv", _("Latvian")), ("en", _("English"))]
USE_I18N = True
TIME_ZONE = "Europe/Riga"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

PUBLISHER = os.environ.get("TALKA_PUBLISHER", "")

STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# WhiteNoise serves straight from the rooms' folders: no collectstatic step stands between a user and a start.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_ROOT = HOME / "media"
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# In the database alone: each process has its own cache, where a session would outlive its end by sign-out.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if os.environ.get("TALKA_HTTPS") == "1":
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31536000

TALKA_URL = os.environ.get("TALKA_URL", "")
_mail = urlsplit(os.environ.get("TALKA_MAIL_URL", ""))
DEFAULT_FROM_EMAIL = os.environ.get("TALKA_MAIL_FROM", "talka@localhost")
if _mail.scheme == "smtp":
    EMAIL_HOST, EMAIL_PORT = _mail.hostname or "localhost", _mail.port or 25
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = HOME / "mail"

# Each process keeps what it reckoned (core.kept), until something happens.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 1000},  # the largest, an overview, is a tenth of a megabyte
    },
    "pages": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "pages",
        "OPTIONS": {"MAX_ENTRIES": 3000},  # compressed, some 10 kB each
    },
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
