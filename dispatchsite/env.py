"""Read settings from the environment; an invalid value is an error that names the variable."""

import ipaddress
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv

from dispatch.runs.slots import slots

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def refuse(name, problem):
    return ImproperlyConfigured(f"Environment variable {name}: {problem}")


def load(folder):
    """Read the file named by ENV_FILE, then .env in the folder; variables already set win."""
    chosen = os.environ.get("ENV_FILE")
    if chosen and not Path(chosen).is_file():
        raise refuse("ENV_FILE", f"there is no file {chosen!r}.")
    if chosen:
        load_dotenv(chosen)
    load_dotenv(folder / ".env")


def text(name, default=None):
    """Return the variable; without a default it must be set and not empty."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise refuse(name, "must be set (see .env.example).")
    return default


def flag(name, default=False):
    value = os.environ.get(name)
    if value is None:
        return default
    if value.strip().lower() in TRUE:
        return True
    if value.strip().lower() in FALSE:
        return False
    raise refuse(name, f"{value!r} is neither yes nor no; use 1 or 0.")


def whole_number(name, default, *, low, high):
    """Return an integer in [low, high]."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise refuse(name, f"{value!r} is not a whole number.") from None
    if not low <= number <= high:
        raise refuse(name, f"{number} is not between {low} and {high}.")
    return number


def share(name, default=0.0):
    """Return a number from 0 to 1."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        raise refuse(name, f"{value!r} is not a number.") from None
    if not 0 <= number <= 1:
        raise refuse(name, f"{value} is not between 0 and 1.")
    return number


def words(name, default=()):
    """Return a comma-separated list."""
    return [
        word.strip() for word in os.environ.get(name, ",".join(default)).split(",") if word.strip()
    ]


def one_of(name, default, known):
    """Return a word that is known."""
    value = text(name, default)
    if value not in known:
        raise refuse(name, f"{value!r} is none of {', '.join(known)}.")
    return value


def some_of(name, known):
    """Return a comma-separated list of words that are known."""
    chosen = words(name)
    if unknown := sorted(set(chosen) - set(known)):
        raise refuse(name, f"{unknown[0]!r} is none of {', '.join(known)}.")
    return chosen


class MailServer(NamedTuple):
    """An SMTP server, in the order of Django's settings."""

    host: str
    port: int
    user: str
    password: str
    starts_tls: bool
    is_tls: bool


def mail_server(name):
    """Return the server of a URL such as smtp+tls://USER:PASSWORD@HOST:587, or None."""
    url = text(name, "")
    if not url:
        return None
    ports = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        port, parts = None, urlsplit("")
    if parts.scheme not in ports or not parts.hostname:
        raise refuse(name, "is no mail server; use smtp+tls://USER:PASSWORD@HOST:587 or smtps://.")
    return MailServer(
        parts.hostname,
        port or ports[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        parts.scheme == "smtp+tls",
        parts.scheme == "smtps",
    )


def networks(name):
    """Return a comma-separated list of networks like 10.1.0.0/16."""
    try:
        return [ipaddress.ip_network(word) for word in words(name)]
    except ValueError as error:
        raise refuse(name, f"{error}; use networks such as 10.1.0.0/16.") from None


def web_address(name):
    """Return an address like http://127.0.0.1:5000, or "" if none is set."""
    url = text(name, "")
    return _web_address(name, url) if url else ""


def _web_address(name, url):
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        good = False
    if not good or parts.query or parts.fragment:
        raise refuse(name, "is not a web address; use one such as http://127.0.0.1:5000.")
    return url


def road_server(name):
    """Return a web address, or one like valhalla+http://HOST:8002, or "" if none is set."""
    url = text(name, "")
    kind = "valhalla+" if url.startswith("valhalla+") else ""
    return kind + _web_address(name, url.removeprefix(kind)) if url else ""


def hosts_of_tiles(url):
    """Return the hosts of an address such as https://{s}.tile.example.org/{z}/{x}/{y}.png."""
    parts = urlsplit(url)
    return [f"{parts.scheme}://{parts.netloc.replace('{s}', '*')}"] if parts.netloc else []


def rate(name, default):
    """Return a number of requests for a period, as in 1200/minute."""
    value = text(name, default)
    if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", value):
        raise refuse(name, f"{value!r} is not a rate; use one such as 1200/minute.")
    return value


BROKER_WITHIN_S = 2.0  # a broker that does not answer by then is down
CACHE_WITHIN_S = 0.5  # a cache that does not answer by then is done without


def cache(name, default):
    """Return Django's settings for the URL of a cache: file:///FOLDER, redis://HOST:6379/0,
    or locmem:// for a single process.
    """
    url = text(name, default)
    scheme, _separator, rest = url.partition("://")
    if scheme == "file" and rest.startswith("/"):
        backend = "dispatchsite.file_cache.FileCache"
        return {"BACKEND": backend, "LOCATION": rest, "DATABASE_TIMEOUT": CACHE_WITHIN_S}
    if scheme in ("redis", "rediss") and rest:
        if find_spec("redis") is None:
            raise refuse(name, "needs the package redis (requirements-scale.txt).")
        waits = {"socket_connect_timeout": CACHE_WITHIN_S, "socket_timeout": CACHE_WITHIN_S}
        return {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": url,
            "OPTIONS": {**waits, "retry": _no_retry()},
        }
    if url == "locmem://":
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    raise refuse(name, "is not a cache URL; use file:///FOLDER, redis://HOST:6379/0 or locmem://.")


def _no_retry():
    # Imported late: an optional package, which most installations lack.
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Retry(NoBackoff(), 0)


def broker_waits(url, *, longest_s):
    """Return the options of a broker's transport: nobody waits for one that does not answer.

    Only those of Redis are known to take them; others have Celery's own.
    """
    if not url.startswith("redis"):
        return {}
    return {
        "visibility_timeout": longest_s,
        "socket_connect_timeout": BROKER_WITHIN_S,
        "socket_timeout": BROKER_WITHIN_S,
        "retry_on_timeout": False,
        "health_check_interval": 10,
    }


def at_once():
    """Return how many runs of a company to work on at once where nobody says: one processor is
    left to others.
    """
    return max(1, min(2, slots() - 1))


class Geocoder(NamedTuple):
    """The server of a geocoder: `protocol` is photon or nominatim, `domain` may have a path."""

    protocol: str
    scheme: str
    domain: str


def geocoder(name):
    """Return the geocoder of a URL such as photon+https://HOST, or None if none is set."""
    url = text(name, "")
    if not url:
        return None
    match = re.fullmatch(r"(photon|nominatim)\+(https?)://([^\s/?#@]+(?:/[^\s?#@]+)?)/?", url)
    if match is None:
        raise refuse(name, "is not a geocoder; use photon+https://HOST or nominatim+https://HOST.")
    protocol, scheme, domain = match.groups()
    return Geocoder(protocol, scheme, domain.rstrip("/"))


def broker(name):
    """Return the URL of Celery's broker, or "" if none is set."""
    url = text(name, "")
    if url and not re.match(r"(rediss?|amqps?|sqs|memory)://", url):
        raise refuse(name, "is not a broker URL; use redis://HOST:6379/1 or amqp://HOST.")
    if url and find_spec("celery") is None:
        raise refuse(name, "needs the package celery (requirements-scale.txt).")
    return url


CONNECT_WITHIN_S = 4  # to PostgreSQL, or the request is answered with 503


def database(name, default, *, pooled=False):
    """Return Django's settings for a database URL, tuned for its engine.

    SQLite: write-ahead log, so that readers never wait; IMMEDIATE transactions, so that two
    writers queue instead of failing when a read becomes a write; Django itself switches
    foreign keys on. PostgreSQL: persistent connections, checked before use; `pooled`, nothing is
    kept on the server from one transaction to the next. What the URL says itself stays.
    """
    url = text(name, default)
    try:
        config = dj_database_url.parse(url)
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError):
        raise refuse(
            name, "is not a database URL; use sqlite:///FILE or postgres://USER@HOST/NAME."
        ) from None
    engine = config.get("ENGINE", "")
    if engine == "django.db.backends.sqlite3":
        config["OPTIONS"] = {
            **config.get("OPTIONS", {}),
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
                "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; "
                "PRAGMA secure_delete=ON;"  # what is forgotten leaves the file too
            ),
        }
    elif engine == "django.db.backends.postgresql":
        config["CONN_MAX_AGE"] = 600
        config["CONN_HEALTH_CHECKS"] = True
        config["DISABLE_SERVER_SIDE_CURSORS"] = pooled
        config["OPTIONS"] = {"connect_timeout": CONNECT_WITHIN_S} | config.get("OPTIONS", {})
    else:
        raise refuse(name, "names neither SQLite nor PostgreSQL.")
    return config
