"""What `PERF` in the settings says of sampling, checked; see `Options` for the names.

PERF = {"SAMPLE": 0.01, "RELEASE": "1.4.2"}
"""

from dataclasses import dataclass, fields
from functools import cache
from importlib.util import find_spec

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from perf.measuring.machine import git

EXPORTS = ("", "opentelemetry")


@dataclass(frozen=True)
class Options:
    """The settings of sampling, each by its name in capitals inside of PERF.

    `sample` is the share of requests from 0 (off) to 1, `sample_work` that of work in the
    background; `commands` are those of manage.py that are such work. A statement that takes
    `slow_ms` in one request is slow. What was sampled is written every `flush_s` seconds, or as
    soon as there are `flush_samples`. Kept are at most `keep_days` and `keep_rows`. `release` names
    what runs here, a version or a commit.
    """

    sample: float = 0.0
    sample_work: float = 0.0
    slow_ms: float = 50.0
    flush_s: float = 10.0
    flush_samples: int = 100
    keep_days: int = 30
    keep_rows: int = 50_000
    release: str = ""
    export: str = ""
    commands: tuple[str, ...] = ()

    @property
    def is_on(self):
        return bool(self.sample or self.sample_work)


LIMITS = {
    "sample": (0, 1),
    "sample_work": (0, 1),
    "slow_ms": (0, 3_600_000),
    "flush_s": (0.1, 3_600),
    "flush_samples": (1, 10_000),
    "keep_days": (1, 3_650),
    "keep_rows": (100, 10_000_000),
}


@cache
def read_options() -> Options:
    """Return the options. Raises ImproperlyConfigured, which names the setting."""
    given = getattr(settings, "PERF", {})
    found = {}
    for field in fields(Options):
        name = field.name.upper()
        if name in given:
            found[field.name] = _checked(field, given[name])
    found.setdefault("sample_work", found.get("sample", 0.0))
    options = Options(**found)
    if options.export == "opentelemetry" and find_spec("opentelemetry") is None:
        raise _refused("EXPORT", "needs the package opentelemetry-api.")
    return options


def _checked(field, value):
    name, kind = field.name.upper(), field.type
    if field.name == "commands":
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise _refused(name, f"{value!r} is no list of names.")
        return tuple(value)
    if kind is str:
        if not isinstance(value, str) or len(value) > 50:
            raise _refused(name, f"{value!r} is no text of at most 50 characters.")
        if field.name == "export" and value not in EXPORTS:
            raise _refused(name, f'{value!r} is neither "" nor "opentelemetry".')
        return value
    low, high = LIMITS[field.name]
    is_number = isinstance(value, int | kind) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:
        raise _refused(name, f"{value!r} is no {_NAMES[kind]} between {low} and {high}.")
    return value


_NAMES = {int: "whole number", float: "number"}


def _refused(name, problem):
    return ImproperlyConfigured(f'PERF["{name}"]: {problem}')


@cache
def release() -> str:
    """Return what runs here: `PERF["RELEASE"]`, else the commit of this checkout, or ""."""
    return read_options().release or git("describe", "--always", "--abbrev=12", "--dirty=+")


def _forget(*, setting, **kwargs):
    if setting in ("PERF", "BASE_DIR"):
        read_options.cache_clear()
        release.cache_clear()


setting_changed.connect(_forget, dispatch_uid="perf.sampling.options")
