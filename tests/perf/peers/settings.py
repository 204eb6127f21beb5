"""A small Django project with the planted app and the one tool that PEER names."""

import os
from pathlib import Path

import dj_database_url
from django.contrib.admin import __file__ as plain_admin

from tests.perf.peers.tools import TOOLS

BASE_DIR = Path(__file__).resolve().parents[3]
SECRET_KEY = "only for a comparison"
USE_TZ = True
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.perf.planted.urls"
ALLOWED_HOSTS = ["testserver", "localhost"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
    "tests.perf.planted",
]
MIDDLEWARE = [
    "tests.perf.planted.middleware.passing",
    "tests.perf.planted.middleware.Passing",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(plain_admin).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
PERF = {"APPS": ["planted"]}

TOOLS[os.environ["PEER"]].configure(globals())
