"""Settings, fed by the environment. Each variable is read here, once, with a default a newcomer can run on.

`.env.example` lists them all. With `DATABASE_URL` unset an embedded PostgreSQL is used; with `REDIS_URL`
unset the broker is a folder and the cache lives in the database.
"""

from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from slaportal.embedded import default_data_dir, ensure_running

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(str(BASE_DIR / ".env"))

# --- What kind of run this is -----------------------------------------------------------------------------
DEBUG: bool = env.bool("DEBUG", default=False)
DEMO: bool = env.bool("DEMO", default=False)
SECRET_KEY: str = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if env.str("DATABASE_URL", default="") and not DEBUG and not DEMO:
        raise ImproperlyConfigured("Set SECRET_KEY: with a database of your own there is no default for it.")
    SECRET_KEY = "only-for-the-demo-and-the-tests-" + "x" * 32
ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"]
)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SITE_URL: str = env.str("SITE_URL", default="http://127.0.0.1:8000")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "tenants",
    "web",
    "notifications",
    "leads",
    "routing",
    "sla",
    "feedback",
    "handoff",
    "integrations",
    "reporting",
    "slaportal",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "web.middleware.RequestIdMiddleware",
    "web.middleware.StorableAddressMiddleware",
    "web.middleware.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "web.middleware.RefusalMiddleware",
    "tenants.middleware.TenantMiddleware",
    "reporting.middleware.ReportViewMiddleware",
]

ROOT_URLCONF = "slaportal.urls"
WSGI_APPLICATION = "slaportal.wsgi.application"
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
                "web.shell.page_shell",
            ],
        },
    },
]

# --- Database: two roles on one database (see docs/architecture.md, Tenancy) ------------------------------
# Where the embedded database keeps its files, mail files, beat's schedule and the demo's state go too.
DATA_DIR = default_data_dir()


def _databases() -> dict[str, dict[str, object]]:
    """`default` is the app role that the product runs as; `owner` migrates. Tests mirror one on the other."""
    if env.str("DATABASE_URL", default=""):
        default, owner = env.db("DATABASE_URL"), env.db("DATABASE_OWNER_URL", default=env.str("DATABASE_URL"))
    else:
        urls = ensure_running(DATA_DIR)
        default, owner = environ.Env.db_url_config(urls.app), environ.Env.db_url_config(urls.owner)
    options = {"connect_timeout": 5, "application_name": "slaportal"}
    for config in (default, owner):
        config["ENGINE"] = "django.db.backends.postgresql"
        config["OPTIONS"] = {**config.get("OPTIONS", {}), **options}
        config["CONN_HEALTH_CHECKS"] = True
    default["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
    # Server-side cursors outlive transactions only with a pooler's help; the product must run behind one.
    default["DISABLE_SERVER_SIDE_CURSORS"] = True
    default["TEST"] = {"MIRROR": "owner"}
    return {"default": default, "owner": owner}


DATABASES = _databases()
DATABASE_ROUTERS = ["tenants.router.OwnerMigrates"]
DATABASE_RESOLVER_ROLE: str = env.str("DATABASE_RESOLVER_ROLE", default="slaportal_resolver")
DATABASE_APP_ROLE: str = env.str("DATABASE_APP_ROLE", default="slaportal_app")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache, broker, workers -------------------------------------------------------------------------------
REDIS_URL: str = env.str("REDIS_URL", default="")
if REDIS_URL:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {"visibility_timeout": 3600}
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "web_cache"}}
    CELERY_BROKER_URL = "filesystem://"
    CELERY_BROKER_TRANSPORT = "slaportal.broker:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(DATA_DIR / "broker" / "queue"),
        "data_folder_out": str(DATA_DIR / "broker" / "queue"),
        "control_folder": str(DATA_DIR / "broker" / "control"),
        "store_processed": False,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False  # a task is only a nudge: the rows in the database are the work
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_TASK_SOFT_TIME_LIMIT = 20
CELERY_TASK_TIME_LIMIT = 30
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

# What the engine does, by name, with its pause in seconds. Beat and `manage.py engine` run this one list.
ENGINE_TICKS: list[tuple[str, float]] = [
    ("handoff.tasks.sweep_tick", 5),
    ("notifications.tasks.deliver_tick", 2),
    ("handoff.tasks.end_pauses_tick", 5),
    ("handoff.tasks.drain_unrouted_tick", 30),
    ("handoff.tasks.move_from_absent_tick", 60),
    ("handoff.tasks.publish_due_tick", 5),
    ("integrations.tasks.drill_tick", 3),
    ("handoff.tasks.look_again_tick", 5),
    ("sla.tasks.move_clocks_tick", 5),
    ("handoff.tasks.simulate_tick", 2),
    ("reporting.tasks.drain_tick", 5),
    ("handoff.tasks.audit_tick", 60),
    ("reporting.tasks.watch_tick", 60),
    ("reporting.tasks.outcomes_tick", 1800),
    ("reporting.tasks.watch_agreements_tick", 600),
    ("reporting.tasks.watch_reviews_tick", 600),
    ("reporting.tasks.digest_tick", 60),
    ("leads.tasks.compare_accounts_tick", 15),
    ("handoff.tasks.look_after_the_named_tick", 3600),
    ("leads.tasks.watch_sources_tick", 3600),
    ("web.tasks.prune_tick", 3600),
    ("routing.tasks.forget_decisions_tick", 3600),
    ("handoff.tasks.forget_simulations_tick", 3600),
]

# --- People and sessions ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["tenants.auth.EmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "tenants:login"
NAVIGATION = "slaportal.navigation.NAVIGATION"
# What the demo's sign-in page offers: {"logins": [{"email", "name", "role", "organisation"}]}.
# Read only when DEMO is on.
DEMO_LOGINS = DATA_DIR / "demo.json"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_COOKIES: bool = env.bool("SECURE_COOKIES", default=SITE_URL.startswith("https://"))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SECURE_SSL_REDIRECT = False
# A proxy in front ends TLS and tells who asks; without one nobody may claim either.
BEHIND_PROXY: bool = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- Language, time, files --------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG or DEMO or not STATIC_ROOT.exists()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if STATIC_ROOT.exists() and not (DEBUG or DEMO)
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # a bulk call of 1,000 leads fits; more is refused with 413
DATA_UPLOAD_MAX_NUMBER_FIELDS = 25_000  # a rule of 2,000 conditions, with ten controls each, is one form
FILE_UPLOAD_HANDLERS = ["web.uploads.CappedUpload"]

# --- What leaves the building -----------------------------------------------------------------------------
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="filemail://") if env.str("EMAIL_URL", default="") else {}
EMAIL_BACKEND = EMAIL_CONFIG.get("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST", "localhost")
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_CONFIG.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 15
EMAIL_FILE_PATH = str(DATA_DIR / "mail")
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="slaportal <no-reply@slaportal.localhost>")
# Channel name -> class. A new channel is a new file and a line here.
NOTIFICATION_CHANNELS = {
    "email": "notifications.channels.email.EmailChannel",
    "inapp": "notifications.channels.inapp.InAppChannel",
    "webhook": "notifications.channels.webhook.WebhookChannel",
}
# Hosts (host:port) that webhooks may reach although their address is private: the demo's loopback receiver.
WEBHOOK_ALLOW: list[str] = env.list("WEBHOOK_ALLOW", default=[])

# --- API --------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.auth.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.auth.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["web.renderers.ApiRenderer"],
    "DEFAULT_PARSER_CLASSES": ["web.parsers.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["web.throttling.KeyRateThrottle"],
    "DEFAULT_SCHEMA_CLASS": "web.openapi.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "web.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
# Opens /metrics from elsewhere; unset, only this machine may read it.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")
API_RATE_PER_MINUTE: int = env.int("API_RATE_PER_MINUTE", default=6000)
SPECTACULAR_SETTINGS = {
    "TITLE": "slaportal API",
    "VERSION": "1",
    "DESCRIPTION": "Post leads and activity; read decisions, timers, reports. A key belongs to one tenant.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "DISABLE_ERRORS_AND_WARNINGS": False,
    # Choices that several calls share, so that a client made from the description names them well.
    "ENUM_NAME_OVERRIDES": {
        "ClockEnum": ["company", "owner"],
        "HandoffStateEnum": ["open", "closed"],
        "ReachedStageEnum": "reporting.definitions.STAGES",
        "FunnelNumberEnum": "reporting.selectors.LISTED",
        "StageEnum": "leads.models.Stage.values",
        "TouchKindEnum": ["call", "email", "meeting", "linkedin", "sms"],
        "ExcuseKindEnum": ["outage", "bad_data", "other"],
        "DealOutcomeEnum": ["open", "won", "lost"],
        "ListEntryKindEnum": ["domain", "email", "company"],
        "ChangedKindEnum": ["routing", "criteria"],
        "ReasonKindEnum": ["reject", "nurture", "disqualified", "lost"],
        "ReasonSideEnum": ["marketing", "routing"],
        "ContractSideEnum": ["marketing", "sales"],
        "KpiUnitEnum": ["percent", "days", "money", "count"],
        "DisputeStateEnum": ["open", "upheld", "overturned", "criteria", "routing"],
        "CommitmentUnitEnum": ["count", "percent"],
        "TargetsEnum": "reporting.measures.TARGETS",
        "ClockVerdictEnum": ["met", "missed", "open", "cancelled"],
        "LeakKindEnum": "reporting.leaks.finder.registry.KINDS",
        "ClockStatusEnum": [
            "on_time",
            "at_risk",
            "overdue",
            "paused",
            "closed_hours",
            "met",
            "missed",
            "cancelled",
        ],
        "ReviewKindEnum": ["month", "quarter"],
        "AgreementVersionStateEnum": ["open", "in_force", "replaced", "lapsed"],
        "AgreementStateEnum": ["not_signed", "signed", "changed"],
        "ListRowStatusEnum": ["new", "there", "again", "wrong"],
    },
}

# --- Logs -------------------------------------------------------------------------------------------------
LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "web.logs.JsonFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
