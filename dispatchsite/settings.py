"""All settings, read from the environment (see .env.example); an invalid one stops the start."""

from datetime import timedelta
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from dispatchsite import env, observers

BASE_DIR = Path(__file__).resolve().parent.parent
env.load(BASE_DIR)

DEBUG = env.flag("DEBUG")
SECRET_KEY = env.text("SECRET_KEY")
# Secrets under which the keys of clients are kept: the first for new ones (bookings/models/seals).
SEALING_KEYS = env.words("SEALING_KEYS") or [SECRET_KEY]
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "dispatchsite",  # before the theme, some templates of which it replaces
    "unfold",  # before the admin, whose site and templates it replaces
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "drivers",
    "bookings",
    "dispatch",
    "perf.project",  # before what it replaces a command of
    "perf",
]

# Whose tables and lines the workbench watches (perf/our_code.py).
PERF: dict[str, Any] = {
    "APPS": ("dispatchsite", "drivers", "bookings", "dispatch"),
    "IGNORE": ("dispatchsite.slow_queries",),  # fetches for others
    "GUARD": [],  # profilers that are kept from storing clients, or writing; see below
    "DOORS": "perf.project.doors.discover.DOORS",
    "BUDGETS": BASE_DIR / "perf" / "project" / "doors" / "budgets.toml",
}

MIDDLEWARE = [
    "dispatchsite.health.middleware.OperatorMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "dispatchsite.permissions_policy.PermissionsPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dispatch.board.quiet.QuietNewsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "drivers.rest.middleware.ApiMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "drivers.logins.session_limits.SessionLimitsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "drivers.admin.addresses.CleanAddressMiddleware",
    "drivers.companies.current.CompanyMiddleware",
    "dispatchsite.refusals.RefusalMiddleware",
]

ROOT_URLCONF = "dispatchsite.urls"
WSGI_APPLICATION = "dispatchsite.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# A pooler of transactions, such as pgbouncer, stands before PostgreSQL.
POOLER = env.flag("POOLER")
DATABASES = {
    "default": env.database(
        "DATABASE_URL", f"sqlite:///{BASE_DIR / 'var' / 'db.sqlite3'}", pooled=POOLER
    )
}
# Shared by all processes of this machine (a file), or of all machines (Redis).
CACHES = {"default": env.cache("CACHE_URL", f"file://{BASE_DIR / 'var' / 'cache'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

# Ten wrong passwords stop an account at an address (drivers/logins/brake.py). What is tried there
# meanwhile is not counted; nothing is kept of logins that succeed.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=env.whole_number("LOGIN_STOP_MIN", 30, low=1, high=1440))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "drivers.logins.brake.address_of"
AXES_RESET_ON_SUCCESS = AXES_DISABLE_ACCESS_LOG = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
SILENCED_SYSTEM_CHECKS = ["axes.W002"]  # the form of the login says it, no middleware

# Roles whose members log in with a second factor only, as in owner,dispatcher.
SECOND_FACTOR_ROLES = env.some_of("SECOND_FACTOR_ROLES", ("owner", "dispatcher", "viewer"))
OTP_TOTP_ISSUER = "Dispatchsite"

# A session ends when nobody has used it for so long, and so long after the login.
SESSION_IDLE_MIN = env.whole_number("SESSION_IDLE_MIN", 480, low=1, high=10_080)
SESSION_COOKIE_AGE = env.whole_number("SESSION_HOURS", 72, low=1, high=720) * 3600
PASSWORD_RESET_TIMEOUT = 3600

# Mails (a forgotten password, wrong ones, invitations) go over this server, or are not sent.
EMAIL = env.mail_server("EMAIL_URL")
SENDS_MAIL = EMAIL is not None
if EMAIL:
    EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS, EMAIL_USE_SSL = (
        EMAIL
    )
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "dispatchsite@localhost")

# Where people reach this server, for messages, which no request makes: https://dispatch.example.org.
PUBLIC_URL = env.web_address("PUBLIC_URL")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "dispatchsite" / "locale"]
FORMAT_MODULE_PATH = "dispatchsite.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# The board's map shows tiles of this address, such as https://tile.example.org/{z}/{x}/{y}.png,
# with the attribution their owner asks for; without it nothing is loaded from elsewhere.
MAP_TILES_URL = env.text("MAP_TILES_URL", "")
MAP_TILES_ATTRIBUTION = env.text("MAP_TILES_ATTRIBUTION", "")

# Driving times: by an OSRM server at this address (or a Valhalla server, at one such as
# valhalla+http://127.0.0.1:8002), else by the straight line. A run waits at most
# ROADS_WAIT_S for it, and then refuses, or with ROADS_FALLBACK plans with the drives it knows and
# the straight line for the others. What was asked is kept in ROADS_KEPT, a folder.
ROADS_URL = env.road_server("ROADS_URL")
# (A run's claim of its day lasts ten minutes beyond its planning: no longer wait fits in there.)
ROADS_WAIT_S = env.whole_number("ROADS_WAIT_S", 120, low=1, high=480)
ROADS_FALLBACK = env.flag("ROADS_FALLBACK")
ROADS_KEPT = Path(env.text("ROADS_KEPT", str(BASE_DIR / "var" / "roads")))
# Addresses that neither the company's places nor the register have are asked of this server, such
# as photon+https://photon.example.org or nominatim+https://nominatim.example.org.
GEOCODER = env.geocoder("GEOCODER_URL")

# What all who look at a company's day see is made once per change, and for so many seconds what is
# no change: positions, who is late by now. 0: each is shown a board of their own.
BOARD_SHARED_S = env.whole_number("BOARD_SHARED_S", 15, low=0, high=60)

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# Leaflet out of django-leaflet: its files alone, for as an app it needs GDAL.
STATICFILES_DIRS = [
    ("leaflet", Path(find_spec("leaflet").submodule_search_locations[0]) / "static" / "leaflet")
]

# Behind TLS by default; a laptop without it sets HTTPS=0 (make demo does).
HTTPS = env.flag("HTTPS", default=not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
if env.flag("BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# What pages may load and run: files of this server, and the map's tiles. Scripts inside a page need
# its nonce; there are none. The theme's Alpine evaluates the expressions of its attributes, and
# styles stand in attributes, as the bars of the board's timeline do.
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/silk/", "/__debug__/"],
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE, UNSAFE_EVAL],
        "script-src-attr": [NONE],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", *env.hosts_of_tiles(MAP_TILES_URL)],
        "worker-src": [SELF, "blob:"],  # of Redoc's search
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# The admin's theme, whose files come with its package.
UNFOLD = {
    "SITE_TITLE": "Dispatchsite",
    "SITE_HEADER": "Dispatchsite",
    "SITE_SYMBOL": "route",
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "STYLES": [lambda request: static("dispatchsite/theme.css")],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "dispatchsite.navigation.favicon"}
    ],
    "ACCOUNT": {"navigation": "dispatchsite.navigation.account_links"},
    "SITE_SUBHEADER": "dispatchsite.navigation.company_name",
    "SITE_DROPDOWN": "dispatchsite.navigation.companies",
    "ENVIRONMENT": "dispatchsite.navigation.zone",
    "SIDEBAR": {"show_search": True, "navigation": "dispatchsite.navigation.sidebar"},
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .013 236.62)",
            "100": "oklch(95.1% .026 236.824)",
            "200": "oklch(90.1% .058 230.902)",
            "300": "oklch(82.8% .111 230.318)",
            "400": "oklch(74.6% .16 232.661)",
            "500": "oklch(62.5% .16 237.323)",
            "600": "oklch(50% .134 242.749)",
            "700": "oklch(44.3% .11 240.79)",
            "800": "oklch(39.1% .09 240.876)",
            "900": "oklch(29.3% .066 243.157)",
            "950": "oklch(23% .05 243.157)",
        },
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "drivers.rest.access.TokenAuthentication",
        "drivers.rest.access.Session",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["drivers.rest.access.RolePermission"],
    "DEFAULT_PARSER_CLASSES": ["drivers.rest.fields.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": [
        "drivers.rest.filters.AskedFilters",
        "drivers.rest.filters.AskedSearch",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["drivers.rest.throttling.CallerThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "caller": env.rate("API_RATE", "1200/minute"),
        "wrong_passwords": "100/hour",
        "asked_mails": "20/hour",
        "wrong_links": "60/hour",
        "wrong_pages": "60/hour",
        "phone": "60/minute",
    },
    "NUM_PROXIES": int(env.flag("BEHIND_PROXY")),  # whose forwarded client address is trusted
    "DEFAULT_SCHEMA_CLASS": "drivers.rest.schema.Schema",
    "EXCEPTION_HANDLER": "drivers.rest.errors.problem_response",
    "DEFAULT_METADATA_CLASS": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Dispatchsite",
    "DESCRIPTION": "Bookings, drivers and dispatch of passenger and medical transport.\n\n"
    "Every error is a `Problem`. Every answer tells the caller's rate in `RateLimit-*` headers. "
    "Unknown fields and parameters are refused by name.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": "/", "description": "This server"}],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "bookings.api.sent.describe_webhooks",
        "dispatchsite.api_examples.add_examples",
        "drivers.rest.schema.add_headers",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "BookingStatus": "bookings.models.Status",
        "AssignmentStatus": "dispatch.models.Assignment.Status",
        "RunStatus": "dispatch.models.DispatchRun.Status",
        "Role": "drivers.models.Role",
        "Door": "bookings.models.Door",
        "EventKind": "bookings.models.Event.Kind",
        "SuggestionKind": "dispatch.trips.advice.suggestion.Kind",
    },
}

# Networks that webhooks may be sent to although they are not public, as in 10.1.0.0/16.
WEBHOOK_NETWORKS = env.networks("WEBHOOK_NETWORKS")

# SMS are handed to this gateway, or not sent: a server that takes a POST (docs/messages.md).
SMS_URL = env.web_address("SMS_URL")
SMS_SECRET = env.text("SMS_SECRET", "")
SMS_TIMEOUT_S = env.whole_number("SMS_TIMEOUT_S", 10, low=1, high=15)

# Dispatch runs in the background go to Celery's workers over this broker; without one, to
# processes of this machine (dispatch/runs/background.py).
CELERY_BROKER_URL = env.broker("CELERY_BROKER_URL")
CELERY_TASK_IGNORE_RESULT = True
# What is planned briefly, and what is searched for long; a worker serves both unless told `-Q`.
CELERY_TASK_QUEUES: dict[str, dict[str, str]] = {"short": {}, "long": {}}
CELERY_TASK_DEFAULT_QUEUE = "long"
# A message is taken when a process is free, and acknowledged when its run has ended. Redis delivers
# it again an hour later, so long after the longest run that none is still at work then.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_ACKS_LATE = CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 1800
CELERY_BROKER_TRANSPORT_OPTIONS = env.broker_waits(CELERY_BROKER_URL, longest_s=2 * 1800)
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False  # who asked is told that there is no worker
# Seconds of a search that a request waits for; a longer one goes on in the background (202). The
# web server must let requests take ten seconds more.
LONGEST_SEARCH_IN_REQUEST_S = env.whole_number("LONGEST_SEARCH_IN_REQUEST_S", 20, low=1, high=60)
# Runs and previews of one company that are worked on at once, with Celery of each line: others come
# to their turn meanwhile. Let more processes than this plan.
RUNS_PER_COMPANY = env.whole_number("RUNS_PER_COMPANY", env.at_once(), low=1, high=1000)
PLANNING_SLOTS = BASE_DIR / "var" / "slots"  # files that planning processes lock, without a broker

# Interactive profilers (perf/silk/guard.py, perf/silk/toolbar.py). PROFILING=1: Silk, in a database
# of its own, made by `manage.py migrate --database silk`, emptied by
# `manage.py silk_request_garbage_collect`, at /silk/ for superusers. DEBUG=1: the debug toolbar,
# and zeal, which raises where a loop asks for related rows one by one.
PROFILING = env.flag("PROFILING")
INTERNAL_IPS = ["127.0.0.1", "::1"]
if PROFILING:
    INSTALLED_APPS.insert(INSTALLED_APPS.index("drivers"), "silk")
    PERF["GUARD"].append("silk")
    MIDDLEWARE.insert(3, "silk.middleware.SilkyMiddleware")
    DATABASES["silk"] = env.database(
        "SILK_DATABASE_URL", f"sqlite:///{BASE_DIR / 'var' / 'silk.sqlite3'}"
    )
    DATABASE_ROUTERS = ["perf.silk.router.SilkRouter"]
    SILKY_AUTHENTICATION = SILKY_AUTHORISATION = True
    SILKY_PERMISSIONS = attrgetter("is_superuser")  # Silk calls it with the user
    SILKY_MAX_REQUEST_BODY_SIZE = SILKY_MAX_RESPONSE_BODY_SIZE = 0
    SILKY_MAX_RECORDED_REQUESTS = 10_000
    SILKY_MAX_RECORDED_REQUESTS_CHECK_PERCENT = 0  # never inside a request
    SILKY_META = True
    SILKY_ANALYZE_QUERIES = False  # would run every UPDATE twice on PostgreSQL
if DEBUG:
    INSTALLED_APPS += ["debug_toolbar", "zeal"]
    PERF["GUARD"].append("debug_toolbar")
    MIDDLEWARE.insert(3, "debug_toolbar.middleware.DebugToolbarMiddleware")
    MIDDLEWARE.append("zeal.middleware.zeal_middleware")
    DEBUG_TOOLBAR_CONFIG = {"SHOW_TOOLBAR_CALLBACK": "perf.silk.toolbar.show"}
    ZEAL_RAISE = True
    ZEAL_ALLOWLIST = [{"model": "auth.User", "field": "get()"}]  # who asks, who is asked about

# Statements: echo every one (SQL_ECHO), and warn of those slower than SLOW_QUERY_MS with the
# line that issued them (dispatchsite/slow_queries.py).
SQL_ECHO = env.flag("SQL_ECHO")
SLOW_QUERY_MS = env.whole_number("SLOW_QUERY_MS", 100, low=0, high=3_600_000)

# The number of statements in a header of every response to this machine: for load_test.
COUNT_STATEMENTS = env.flag("COUNT_STATEMENTS")
if COUNT_STATEMENTS:
    MIDDLEWARE.insert(0, "perf.recording.count_middleware.StatementCountMiddleware")
# Sample a share of the requests and of the background runs (perf/sampling), for the admin's page
# "Performance"; RELEASE names what runs here, by default the commit.
RELEASE = env.text("RELEASE", "")
SAMPLE_REQUESTS = env.share("SAMPLE_REQUESTS")
SAMPLE_RUNS = env.share("SAMPLE_RUNS", 1.0)
if SAMPLE_REQUESTS:
    MIDDLEWARE.insert(0, "perf.sampling.middleware.SamplingMiddleware")
    PERF |= {
        "SAMPLE": SAMPLE_REQUESTS,
        "SAMPLE_WORK": SAMPLE_RUNS,
        "COMMANDS": ("work_run",),
        "RELEASE": RELEASE,
        "EXPORT": env.text("SAMPLE_EXPORT", ""),
    }
# Keep the figures of every profile and benchmark in the history, without --record.
PERFORMANCE_HISTORY = env.flag("PERFORMANCE_HISTORY")

# Who may collect /metrics: whoever sends this token, or asks from these networks directly; by
# default nobody, and then nothing is counted. A machine's processes count in this folder.
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
METRICS_NETWORKS = env.networks("METRICS_NETWORKS")
METRICS = bool(METRICS_TOKEN or METRICS_NETWORKS)
METRICS_FOLDER = Path(env.text("METRICS_FOLDER", str(BASE_DIR / "var" / "metrics")))

# Errors go to Sentry, traces to OpenTelemetry, where these are set (dispatchsite/observers.py).
SENTRY_DSN = env.text("SENTRY_DSN", "")
OTEL_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT", "")
observers.check(sentry_dsn=SENTRY_DSN, otel_endpoint=OTEL_ENDPOINT)

# Lines for people, or JSON, with a line for each request.
LOG_FORMAT = env.one_of("LOG_FORMAT", "plain", ("plain", "json"))
LOG_REQUESTS = LOG_FORMAT == "json"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "dispatchsite.logs.Plain",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
        "json": {"()": "dispatchsite.logs.Json"},
    },
    "filters": {"without_query": {"()": "dispatchsite.logs.WithoutQuery"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    # Each wrong password with its name; what counts is logged by drivers/logins/brake.py.
    "loggers": {
        "axes": {"level": "ERROR"},
        # The line of each request of runserver.
        "django.server": {
            "level": "INFO",
            "handlers": ["console"],
            "filters": ["without_query"],
            "propagate": False,
        },
        # Like requests, runs are told of one by one where machines read the log: a person who runs
        # a command reads its own words.
        "dispatch.runs.claim": {"level": "INFO" if LOG_REQUESTS else "WARNING"},
    },
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO").upper()},
}
