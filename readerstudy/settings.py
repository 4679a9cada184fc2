"""Settings, all read from the environment.

With nothing set, the site runs embedded: SQLite under ``var/``, tasks without a broker, and
reachable from this machine alone. ``docs/admin.md`` lists the variables.
"""

import os
import secrets
from contextlib import suppress
from functools import partial
from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from environs import FileAwareEnv, validate

from readerstudy.jobs.broker import QUEUES
from readerstudy.operations import environment_validators, file_permissions, logs

file_permissions.new_files_are_private()
BASE_DIR = Path(__file__).resolve().parent.parent
# Each variable may also be in a file, which the same name with _FILE behind it says.
env = FileAwareEnv(strip_whitespace=True)
_from_one = partial(env.int, validate=environment_validators.FROM_ONE)
_above_zero = partial(env.float, validate=environment_validators.ABOVE_ZERO)
file_permissions.require_private_env(BASE_DIR / ".env")
env.read_env(str(BASE_DIR / ".env"), recurse=False)
file_permissions.require_private_files()

# A demo has public passwords: its own folder, database and queue, whatever else is configured.
DEMO = env.bool("READERSTUDY_DEMO", False)
VAR_DIR = Path(env.str("READERSTUDY_VAR", str(BASE_DIR / "var"))) / ("demo" if DEMO else "")
file_permissions.private_folder(VAR_DIR, keys=("secret_key", "audit_key"), code=BASE_DIR)
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
# Where people find this site: links in mails begin with it. A request's own word for it counts only
# as far as ALLOWED_HOSTS names that very host (accounts/site_urls.py).
SITE_URL = (
    ""
    if DEMO
    else env.str("READERSTUDY_SITE_URL", "", validate=environment_validators.SITE).rstrip("/")
)
if not SITE_URL and all(host.startswith((".", "*")) for host in ALLOWED_HOSTS):
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS has only patterns. Set READERSTUDY_SITE_URL: links in e-mails need "
        "the site's address."
    )
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", [], validate=environment_validators.origins)

INSTALLED_APPS = [
    "readerstudy.studies.apps.StudyAdminConfig",
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
    "readerstudy.jobs",
    "readerstudy.monitoring",
    "readerstudy.accounts",
    "readerstudy.studies",
    "inference",
    "readerstudy.reading",
    "analysis",
    "readerstudy.exchange",
    "readerstudy.demo",
]

BEHIND_PROXY = env.bool("READERSTUDY_BEHIND_PROXY", False)
MIDDLEWARE = [
    "readerstudy.accounts.middleware.ClientAddress",
    "readerstudy.operations.request_log.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "readerstudy.accounts.middleware.NoStore",
    "readerstudy.accounts.middleware.RedirectsWithinSite",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "readerstudy.accounts.middleware.LoopbackOnlyInDemo",
    "readerstudy.operations.health.ProbesByAnyName",
    "django.middleware.common.CommonMiddleware",
    # Who it is comes before what they send: the check of cross-site requests reads the body.
    "readerstudy.accounts.middleware.DeclaredLanguage",
    "readerstudy.accounts.middleware.DeclaredAccess",
    "readerstudy.accounts.request_body_limits.BodyLimits",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "readerstudy.accounts.sessions.SessionAge",
    "readerstudy.accounts.known_browsers.KnownBrowser",
    "readerstudy.accounts.middleware.PasswordsInTurn",
    "allauth.account.middleware.AccountMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
                "readerstudy.demo.context_processors.demo",
                "readerstudy.reading.outbox_context.outbox",
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
# Before a request uses a connection, that is asked whether it lives: after a restart of PostgreSQL
# each thread's next request would fail.
DATABASES = {
    "default": environment_validators.database(_DATABASE_URL)
    | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = _SQLITE_OPTIONS
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["readerstudy.accounts.demo_aware_backend.DemoAwareBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "readerstudy.accounts.password_length.LongEnough"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:login"

# A second factor is asked of staff and of whoever has a part in a study that lets them see more
# than a reader does (accounts/second_factor_policy.py). The demo's passwords are public anyway.
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
ACCOUNT_RATE_LIMITS = False  # accounts/throttle.py counts, so that nobody shuts another out
RATE_LIMIT_FACTOR = _from_one("READERSTUDY_RATE_LIMIT_FACTOR", 1)  # for load tests
PASSWORD_RESET_TIMEOUT = 24 * 3600
INVITATION_DAYS = _from_one("READERSTUDY_INVITATION_DAYS", 14)

SESSION_COOKIE_AGE = 12 * 3600  # from the sign-in, however busy the session is
SESSION_IDLE_SECONDS = 60 * _from_one("READERSTUDY_IDLE_MINUTES", 120)
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "readerstudy.error_pages.csrf_failure"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # a monitor asks the process itself
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# Of other hosts in its domain (W005), and of a list that browsers ship (W021), no site decides.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
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
TIME_ZONE = env.str("TIME_ZONE", "UTC", validate=environment_validators.time_zone)
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # static files are served from where they lie: nothing to collect
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
# Uploads go to disk at once: weights files are large, and are checked by their path. They lie
# beside the media, so that keeping one is a rename. Whose, and how large:
# accounts/request_body_limits.py.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
UPLOADS_ROOT = FILE_UPLOAD_TEMP_DIR = VAR_DIR / "uploads"
UPLOADS_ROOT.mkdir(mode=0o700, exist_ok=True)
UPLOADS_LEAVE_FREE = 2**20 * env.int("UPLOADS_LEAVE_FREE_MIB", 1024, validate=validate.Range(0))
MEDIA_ROOT = VAR_DIR / "media"  # never served by URL: views hand out images one by one

RUN_FILES_ROOT = VAR_DIR / "run_files"  # figures, tables, reports: all can be made anew
EXPORTS_ROOT = VAR_DIR / "exports"  # bundles asked for in the browser: each can be made anew

# The default cache counts attempts to sign in, and remembers used codes: all server processes must
# share it, on all machines, and an "add" must be atomic. The database is both, and is there
# wherever anyone can sign in at all; a cache of files is neither. Its values are JSON, never
# pickles: Django's own serializers run whatever code somebody else wrote there.
_CACHE_URL = (
    ""
    if DEMO
    else env.str(
        "READERSTUDY_CACHE_URL", "", validate=environment_validators.address("redis://host:6379/1")
    )
)
_SHARED_CACHE = (
    {
        "BACKEND": "readerstudy.accounts.redis_json_cache.RedisJSONCache",
        "LOCATION": _CACHE_URL,
        "VERSION": 2,  # what was pickled under the first is never read
    }
    if _CACHE_URL
    else {"BACKEND": "readerstudy.accounts.json_cache.DatabaseJSONCache"}
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
    "frozen": {  # what an open study can't change (reading/frozen_cache.py): some 1 KiB a case
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "frozen",
        "TIMEOUT": None,
        "OPTIONS": {"MAX_ENTRIES": 20_000},
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
EMAIL_PORT = env.int("EMAIL_PORT", 587, validate=validate.Range(1, 65535))
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("READERSTUDY_MAIL_FROM", "reader-study@localhost")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["readerstudy.accounts.api_authentication.PageSession"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "readerstudy.accounts.api_exception_handler.answer_exception",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS describes nothing
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}

# Celery is only the transport: the InferenceJob rows are the truth. Without a broker, jobs
# run in a short-lived child of the process that queued them (see inference/dispatch.py).
CELERY_BROKER_URL = (
    ""
    if DEMO
    else env.str(
        "CELERY_BROKER_URL", "", validate=environment_validators.address("redis://host:6379/0")
    )
)
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_ACCEPT_CONTENT = ["json"]  # never a pickle, whoever can write to the broker
CELERY_TASK_SERIALIZER = "json"
# Each queue can have a worker of its own. One that is started without -Q takes them all
# (readerstudy/celery.py).
CELERY_TASK_DEFAULT_QUEUE = "analysis"
# Whoever can write to the broker could ask a worker for its settings, passwords included.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A reap that waits behind a long queue or run is overtaken by the next: it lapses.
CELERY_BEAT_SCHEDULE = {
    f"reap-{queue}": {
        "task": "jobs.reap",
        "args": (queue,),
        "schedule": 60.0,
        "options": {"queue": queue, "expires": 60.0},
    }
    for queue in QUEUES
}

# A job that meets what may pass is tried again after a pause, each three times as long as the last.
JOB_FIRST_PAUSE_SECONDS = _above_zero("JOB_FIRST_PAUSE_SECONDS", 10.0)
JOB_LONGEST_PAUSE_SECONDS = _above_zero("JOB_LONGEST_PAUSE_SECONDS", 600.0)

INFERENCE_DEVICE = env.str("INFERENCE_DEVICE", "auto", validate=environment_validators.DEVICE)
INFERENCE_PRECISION = env.str(  # auto: bf16 on a GPU that has it; differs between machines
    "INFERENCE_PRECISION", "fp32", validate=validate.OneOf(["auto", "fp32", "bf16"])
)
INFERENCE_BATCH_SIZE = _from_one("INFERENCE_BATCH_SIZE", 8)
INFERENCE_HEARTBEAT_SECONDS = _above_zero("INFERENCE_HEARTBEAT_SECONDS", 5.0)
INFERENCE_STALE_SECONDS = _above_zero("INFERENCE_STALE_SECONDS", 60.0)
INFERENCE_DEADLINE_SECONDS = _above_zero("INFERENCE_DEADLINE_SECONDS", 900.0)  # of a batch
INFERENCE_MAX_ATTEMPTS = _from_one("INFERENCE_MAX_ATTEMPTS", 5)

ANALYSIS_HEARTBEAT_SECONDS = _above_zero("ANALYSIS_HEARTBEAT_SECONDS", 5.0)
ANALYSIS_STALE_SECONDS = _above_zero("ANALYSIS_STALE_SECONDS", 60.0)
ANALYSIS_DEADLINE_SECONDS = _above_zero("ANALYSIS_DEADLINE_SECONDS", 6 * 3600.0)

# Of a worker or beat, renewed as long as it lives: a container's health check looks at its age.
SIGN_OF_LIFE_FILE = env.str("READERSTUDY_SIGN_OF_LIFE_FILE", "")

# What is worth an alert (analysis/study_alerts.py), and when a reader counts as behind.
ALERT_FAST_SECONDS = env.float("READERSTUDY_ALERT_FAST_SECONDS", 5.0, validate=validate.Range(0))
ALERT_IDLE_DAYS = _from_one("READERSTUDY_ALERT_IDLE_DAYS", 7)

# Folders of this server beneath which an admin may choose the source of an import; none: no folder.
IMPORT_ROOTS = [Path(root).absolute() for root in env.list("IMPORT_ROOTS", [])]
IMPORT_MAX_UPLOAD_MIB = _from_one("IMPORT_MAX_UPLOAD_MIB", 8192)
IMPORT_KEEP_DAYS = _above_zero("IMPORT_KEEP_DAYS", 7.0)  # a dry run that nobody acts on
IMPORT_HEARTBEAT_SECONDS = _above_zero("IMPORT_HEARTBEAT_SECONDS", 5.0)
IMPORT_STALE_SECONDS = _above_zero("IMPORT_STALE_SECONDS", 60.0)
IMPORT_DEADLINE_SECONDS = _above_zero("IMPORT_DEADLINE_SECONDS", 24 * 3600.0)
IMPORT_MAX_ATTEMPTS = _from_one("IMPORT_MAX_ATTEMPTS", 3)

LOGGING = logs.logging_settings(
    format=env.str("LOG_FORMAT", "console", validate=validate.OneOf(["console", "json"])),
    level=env.str("LOG_LEVEL", "WARNING", validate=environment_validators.LOG_LEVEL),
)
