"""The real settings, with a key, a file for SQLite's test database, and quick passwords."""

import os

os.environ.setdefault("SECRET_KEY", "only for tests")
os.environ.setdefault("HTTPS", "0")
os.environ |= {"ROADS_URL": "", "ROADS_FALLBACK": "0"}
# Profilers and samplers send statements of their own.
os.environ |= {"PROFILING": "0", "DEBUG": "0", "SAMPLE_REQUESTS": "0"}
os.environ.setdefault("DATABASE_URL", "sqlite:///var/tests.sqlite3")

from dispatchsite.settings import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # In a file, because threads cannot share a database in memory.
    (BASE_DIR / "var").mkdir(exist_ok=True)
    DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "var" / "tests.sqlite3"}
if "TEST_TEMPLATE" in os.environ:  # the database that the others are copied from is migrated
    DATABASES["default"]["NAME"] = os.environ["TEST_TEMPLATE"]
# Suites run side by side, and what one test plans in the background must not keep others waiting.
_process = os.environ.get("PYTEST_XDIST_WORKER", "alone")
PLANNING_SLOTS = BASE_DIR / "var" / "slots" / f"{DATABASES['default']['ENGINE']}-{_process}"
PUBLIC_URL = "https://dispatch.example.org"  # no request makes messages
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
BOARD_SHARED_S = 0  # a test's board is of that test
INSTALLED_APPS += ["tests.perf.planted"]  # faults to be found (tests/perf/planted)
INSTALLED_APPS += ["zeal"]  # raises where a loop asks for related rows one by one
ZEAL_RAISE = True
MIDDLEWARE = [*MIDDLEWARE, "zeal.middleware.zeal_middleware"]
ZEAL_ALLOWLIST = [{"model": "auth.User", "field": "get()"}]  # who asks, and who is asked about
