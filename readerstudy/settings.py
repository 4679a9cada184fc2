"""Settings, all read from the environment.

With nothing set, the site runs embedded: SQLite under ``var/``, tasks without a broker, and
reachable from this machine alone. ``docs/admin.md`` lists the variables.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from environs import Env, validate

from readerstudy.operation import logs

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent
env.read_env(str(BASE_DIR / ".env"), recurse=False)

# A demo has public passwords: its own folder, database and queue, whatever else is configured.
DEMO = env.bool("READERSTUDY_DEMO", False)
VAR_DIR = Path(env.str("READERSTUDY_VAR", str(BASE_DIR / "var"))) / ("demo" if DEMO else "")
VAR_DIR.mkdir(parents=True, exist_ok=True)
HTTPS = env.bool("READERSTUDY_HTTPS", not DEMO)


def _kept_secret(path: Path) -> str:
    """A random key made at the first start and kept, readable by its owner alone."""
    if not path.exists():
        made = path.with_name(f"{path.name}.{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(50))
        with suppress(FileExistsError):  # another process was first: its key is the one
            os.link(made, path)
        made.unlink()
    return path.read_text()


SECRET_KEY = env.str("SECRET_KEY", "") or _kept_secret(VAR_DIR / "secret_key")
# The first key seals the audit log; events sealed with the others are still known.
AUDIT_KEYS = env.list("READERSTUDY_AUDIT_KEYS", []) or [_kept_secret(VAR_DIR / "audit_key")]
AUDIT_HEAD = VAR_DIR / "audit_head"  # the last event, where the database can't change it
DEBUG = False
LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_HOSTS = LOOPBACK_HOSTS if DEMO else env.list("ALLOWED_HOSTS", LOOPBACK_HOSTS)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "readerstudy.cohorts.apps.StudyAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "readerstudy.audit",
    "readerstudy.accounts",
    "readerstudy.cohorts",
    "inference",
    "readerstudy.reading",
    "analysis",
    "readerstudy.handover",
    "readerstudy.demo",
]

BEHIND_PROXY = env.bool("READERSTUDY_BEHIND_PROXY", False)
MIDDLEWARE = [
    "readerstudy.accounts.middleware.ClientAddress",
    "readerstudy.operation.middleware.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "readerstudy.accounts.middleware.NoStore",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "readerstudy.accounts.sessions.SessionAge",
    "allauth.account.middleware.AccountMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "readerstudy.accounts.middleware.LoopbackOnlyInDemo",
    "readerstudy.accounts.middleware.DeclaredLanguage",
    "readerstudy.accounts.middleware.DeclaredAccess",
]

ROOT_URLCONF = "readerstudy.urls"
WSGI_APPLICATION = "readerstudy.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "readerstudy.accounts.context.demo",
                "readerstudy.reading.context.outbox",
            ],
        },
    },
]

# A diagnosis that was acknowledged must outlive a power cut: WAL with synchronous=FULL.
# IMMEDIATE takes the write lock first, so that two submits queue instead of failing.
# REPLACE deletes a row without asking its DELETE trigger, unless triggers are recursive.
_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;"
    ),
}
_EMBEDDED_DATABASE = f"sqlite:///{VAR_DIR / 'db.sqlite3'}"
_DATABASE_URL = _EMBEDDED_DATABASE if DEMO else env.str("DATABASE_URL", _EMBEDDED_DATABASE)
DATABASES = {"default": dj_database_url.parse(_DATABASE_URL, conn_max_age=60)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = _SQLITE_OPTIONS
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["readerstudy.accounts.backends.DemoAwareBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "readerstudy.accounts.passwords.LongEnough"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:login"

# A second factor is asked of staff and of whoever has a part in a study that lets them see more
# than a reader does (accounts/second_factor.py). The demo's passwords are public anyway.
SECOND_FACTOR_REQUIRED = not DEMO and env.bool("READERSTUDY_SECOND_FACTOR", True)
ACCOUNT_ADAPTER = "readerstudy.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # nobody signs up: people are invited
ACCOUNT_EMAIL_VERIFICATION = "none"  # the invitation went to the address
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
MFA_ADAPTER = "readerstudy.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "readerstudy.accounts.forms.SecondFactorForm",
    "reauthenticate": "readerstudy.accounts.forms.ConfirmByCodeForm",
    "activate_totp": "readerstudy.accounts.forms.SetUpForm",
}
MFA_TOTP_ISSUER = "Reader study"
MFA_TOTP_TOLERANCE = 1  # a telephone's clock may be half a minute off
MFA_ALLOW_UNVERIFIED_EMAIL = True  # addresses are not kept by allauth here
# Attempts at a door, by address, person or name. A load test needs more of them.
_RATE = env.int("READERSTUDY_RATE_LIMIT_FACTOR", 1)
ACCOUNT_RATE_LIMITS = {
    "login": f"{30 * _RATE}/m/ip",
    "login_failed": f"{20 * _RATE}/m/ip,{5 * _RATE}/300s/key",
    "reauthenticate": f"{10 * _RATE}/m/user",
    "change_password": f"{5 * _RATE}/m/user",
    "reset_password": f"{20 * _RATE}/m/ip,{5 * _RATE}/h/key",
    "reset_password_from_key": f"{20 * _RATE}/m/ip",
    "invitation": f"{20 * _RATE}/m/ip",
}
PASSWORD_RESET_TIMEOUT = 24 * 3600
INVITATION_DAYS = env.int("READERSTUDY_INVITATION_DAYS", 14)

SESSION_COOKIE_AGE = 12 * 3600  # from the sign-in, however busy the session is
SESSION_IDLE_SECONDS = 60 * env.int("READERSTUDY_IDLE_MINUTES", 120)
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "readerstudy.accounts.views.csrf_failure"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # a monitor asks the process itself
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# The readers' pages are in these; those of investigators and staff are in English.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS
TIME_ZONE = env.str("TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # static files are served from where they lie: nothing to collect
# Uploads go to disk at once: weights files are large, and are checked by their path.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
MEDIA_ROOT = VAR_DIR / "media"  # never served by URL: views hand out images one by one

EXPORTS_ROOT = VAR_DIR / "exports"  # bundles asked for in the browser: each can be made anew

# The default cache counts attempts to sign in, and remembers used codes: all server processes must
# share it, on all machines, and an "add" must be atomic. The database is both, and is there
# wherever anyone can sign in at all; a cache of files is neither.
_CACHE_URL = "" if DEMO else env.str("READERSTUDY_CACHE_URL", "")
_SHARED_CACHE = (
    {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _CACHE_URL}
    if _CACHE_URL
    else {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_sharedcache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
)
CACHES = {
    "default": {**_SHARED_CACHE, "KEY_PREFIX": "readerstudy"},
    "process": {  # what one process may know by itself
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "process",
    },
    "template_fragments": {  # of {% cache %}, by this name: no query for a part of a page
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "template_fragments",
    },
    "frozen": {  # what an open study can't change (reading/frozen.py): some 1 KiB a case
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "frozen",
        "TIMEOUT": None,
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    },
    "rendered": {  # figures and reports (analysis/rendered.py)
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR_DIR / "rendered",
        "TIMEOUT": None,
        "OPTIONS": {"MAX_ENTRIES": 1000},
    },
}

# Mail lies in files until the site is told where to send it; the demo sends none.
_MAIL = env.str("READERSTUDY_MAIL", "file", validate=validate.OneOf(["file", "console", "smtp"]))
_MAIL_BACKENDS = {"file": "filebased", "console": "console", "smtp": "smtp"}
EMAIL_BACKEND = (
    f"django.core.mail.backends.{_MAIL_BACKENDS['file' if DEMO else _MAIL]}.EmailBackend"
)
EMAIL_FILE_PATH = VAR_DIR / "mail"
EMAIL_HOST = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT = env.int("EMAIL_PORT", 587)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("READERSTUDY_MAIL_FROM", "reader-study@localhost")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["readerstudy.accounts.authentication.PageSession"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "readerstudy.accounts.api_errors.answer_exception",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS describes nothing
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}

# Celery is only the transport: the InferenceJob rows are the truth. Without a broker, jobs
# run in a short-lived child of the process that queued them (see inference/dispatch.py).
CELERY_BROKER_URL = "" if DEMO else env.str("CELERY_BROKER_URL", "")
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "inference"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A reap that waits behind a long queue or run is overtaken by the next: it lapses.
CELERY_BEAT_SCHEDULE = {
    name: {"task": task, "schedule": 60.0, "options": {"expires": 60.0}}
    for name, task in (
        ("reap", "inference.tasks.reap"),
        ("reap-analysis", "analysis.tasks.reap"),
        ("reap-imports", "readerstudy.cohorts.tasks.reap"),
        ("reap-exports", "readerstudy.handover.tasks.reap"),
    )
}

INFERENCE_DEVICE = env.str("INFERENCE_DEVICE", "auto")  # auto, cpu, cuda
INFERENCE_PRECISION = env.str(  # auto: bf16 on a GPU that has it; differs between machines
    "INFERENCE_PRECISION", "fp32", validate=validate.OneOf(["auto", "fp32", "bf16"])
)
INFERENCE_BATCH_SIZE = env.int("INFERENCE_BATCH_SIZE", 8)
INFERENCE_HEARTBEAT_SECONDS = env.float("INFERENCE_HEARTBEAT_SECONDS", 5.0)
INFERENCE_STALE_SECONDS = env.float("INFERENCE_STALE_SECONDS", 60.0)
INFERENCE_MAX_ATTEMPTS = env.int("INFERENCE_MAX_ATTEMPTS", 5)

ANALYSIS_HEARTBEAT_SECONDS = env.float("ANALYSIS_HEARTBEAT_SECONDS", 5.0)
ANALYSIS_STALE_SECONDS = env.float("ANALYSIS_STALE_SECONDS", 60.0)

# What is worth an alert (analysis/alerts.py), and when a reader counts as behind.
ALERT_FAST_SECONDS = env.float("READERSTUDY_ALERT_FAST_SECONDS", 5.0)
ALERT_IDLE_DAYS = env.int("READERSTUDY_ALERT_IDLE_DAYS", 7)

# Folders of this server beneath which an admin may choose the source of an import; none: no folder.
IMPORT_ROOTS = [Path(root).absolute() for root in env.list("IMPORT_ROOTS", [])]
IMPORT_MAX_UPLOAD_MIB = env.int("IMPORT_MAX_UPLOAD_MIB", 8192)
IMPORT_KEEP_DAYS = env.float("IMPORT_KEEP_DAYS", 7.0)  # a dry run that nobody acts on
IMPORT_HEARTBEAT_SECONDS = env.float("IMPORT_HEARTBEAT_SECONDS", 5.0)
IMPORT_STALE_SECONDS = env.float("IMPORT_STALE_SECONDS", 60.0)
IMPORT_MAX_ATTEMPTS = env.int("IMPORT_MAX_ATTEMPTS", 3)

LOGGING = logs.configuration(
    format=env.str("LOG_FORMAT", "console", validate=validate.OneOf(["console", "json"])),
    level=env.str("LOG_LEVEL", "WARNING"),
)
