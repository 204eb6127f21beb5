"""All settings, read from the environment (see .env.example); an invalid one stops the start."""

from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from dispatchsite import env

BASE_DIR = Path(__file__).resolve().parent.parent
env.load(BASE_DIR)

DEBUG = env.flag("DEBUG")
SECRET_KEY = env.text("SECRET_KEY")
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
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "drivers.rest.middleware.ApiMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
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

DATABASES = {
    "default": env.database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'var' / 'db.sqlite3'}")
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

# Driving times: by an OSRM server at this address, else by the straight line. A run waits at most
# ROADS_WAIT_S for it, and then refuses, or with ROADS_FALLBACK plans with the drives it knows and
# the straight line for the others. What was asked is kept in ROADS_KEPT, a folder.
ROADS_URL = env.web_address("ROADS_URL")
# (A run's claim of its day lasts ten minutes beyond its planning: no longer wait fits in there.)
ROADS_WAIT_S = env.whole_number("ROADS_WAIT_S", 120, low=1, high=480)
ROADS_FALLBACK = env.flag("ROADS_FALLBACK")
ROADS_KEPT = Path(env.text("ROADS_KEPT", str(BASE_DIR / "var" / "roads")))
# Addresses that neither the company's places nor the register have are asked of this server, such
# as photon+https://photon.example.org or nominatim+https://nominatim.example.org.
GEOCODER = env.geocoder("GEOCODER_URL")

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
    "DEFAULT_THROTTLE_RATES": {"caller": env.rate("API_RATE", "1200/minute")},
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

# Dispatch runs in the background go to Celery's workers over this broker; without one, to
# processes of this machine (dispatch/runs/background.py).
CELERY_BROKER_URL = env.broker("CELERY_BROKER_URL")
CELERY_TASK_IGNORE_RESULT = True

# Interactive profilers (perf/silk/guard.py, perf/silk/toolbar.py). PROFILING=1: Silk, in a database
# of its own, made by `manage.py migrate --database silk`, emptied by
# `manage.py silk_request_garbage_collect`, at /silk/ for superusers. DEBUG=1: the debug toolbar,
# and zeal, which raises where a loop asks for related rows one by one.
PROFILING = env.flag("PROFILING")
INTERNAL_IPS = ["127.0.0.1", "::1"]
if PROFILING:
    INSTALLED_APPS.insert(INSTALLED_APPS.index("drivers"), "silk")
    PERF["GUARD"].append("silk")
    MIDDLEWARE.insert(2, "silk.middleware.SilkyMiddleware")
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
    MIDDLEWARE.insert(2, "debug_toolbar.middleware.DebugToolbarMiddleware")
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
SAMPLE_REQUESTS = env.share("SAMPLE_REQUESTS")
SAMPLE_RUNS = env.share("SAMPLE_RUNS", 1.0)
if SAMPLE_REQUESTS:
    MIDDLEWARE.insert(0, "perf.sampling.middleware.SamplingMiddleware")
    PERF |= {
        "SAMPLE": SAMPLE_REQUESTS,
        "SAMPLE_WORK": SAMPLE_RUNS,
        "COMMANDS": ("work_run",),
        "RELEASE": env.text("RELEASE", ""),
        "EXPORT": env.text("SAMPLE_EXPORT", ""),
    }
# Keep the figures of every profile and benchmark in the history, without --record.
PERFORMANCE_HISTORY = env.flag("PERFORMANCE_HISTORY")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO").upper()},
}
