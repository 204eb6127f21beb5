"""The tools: how each is set up, as its documentation says, and what it has to say of a request.

Nothing here imports Django's models or a tool at the top: settings are made of it.
"""

import collections
import collections.abc
import importlib.metadata
import importlib.util
import json
import logging
import os
import re
import tempfile
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from perf.recording import finding as kinds

ROOT = Path(__file__).resolve().parents[3]
PLANTED = ROOT / "tests" / "perf" / "planted"
LOOP_FROM = 5  # the same statement so often in one request is a loop, where a tool only lists them


@dataclass(frozen=True)
class Report:
    """One thing that a tool says: its raw `words`, the `place` in them ("" for none).

    `kinds` are those of `perf.recording.finding` that it may mean, in the tool's favour.
    """

    words: str
    place: str
    kinds: tuple[str, ...]

    def as_dict(self):
        return asdict(self) | {"words": self.words.replace(f"{ROOT}/", "")}


class Tool:
    """A tool: `package` is installed, `module` imported; `setup` says how it is set up."""

    name = package = module = setup = ""
    asks_tables = False  # has something to say of tables, without a request

    @property
    def version(self):
        """Return the installed version, or "" if it is not installed."""
        if importlib.util.find_spec(self.module) is None:
            return ""
        return importlib.metadata.version(self.package) if self.package else "this"

    def configure(self, settings):
        """Change the settings (a dict) as the documentation of the tool says."""

    def ask(self, path, get):
        """Return the Reports of a request; `get()` makes it."""
        raise NotImplementedError


class Workbench(Tool):
    name, module = "perf", "perf.recording"
    setup = "nothing; asked with profile_url --explain --try-indexes, and by what it says of tables"
    asks_tables = True

    def ask(self, path, get):
        from perf.recording.find import find_all
        from perf.recording.record import record_queries

        if path == "lock_wait":  # who waits for whom is seen in the first run
            with record_queries(watch_rows=True) as recording:
                get()
            return self._reports(find_all(recording))
        from django.contrib.auth import get_user_model
        from django.utils import timezone

        from perf.profiling.targets import profile_url

        user = get_user_model().objects.first() if path.startswith("admin/") else None
        profile = profile_url(
            f"/{path}/", now=timezone.now(), user=user, explain=True, may_build=True
        )
        return self._reports(profile.findings)

    def tables(self):
        from django.db import connection

        from perf.indexes.server_counters import read_server

        return self._reports(read_server(connection))

    def _reports(self, findings):
        return [Report(f"{one.what} {one.cure}", one.place, (one.kind,)) for one in findings]


class QueryDoctor(Tool):
    name, package, module = "query-doctor", "django-query-doctor", "query_doctor"
    setup = (
        "its app, its middleware last, JSON reports, STACK_TRACE_EXCLUDE with the app's wrappers"
    )
    KINDS = {
        "n_plus_one": (kinds.READS, kinds.DUPLICATES),
        "duplicate_query": (kinds.READS, kinds.WRITES, kinds.DUPLICATES),
        "serializer_method_field": (kinds.READS,),
        "drf_serializer": (kinds.READS,),
        "write_n_plus_one": (kinds.WRITES, kinds.SAVEPOINTS),
        "missing_index": (kinds.INDEX, kinds.UNSERVED),
        "complexity": (kinds.UNSERVED,),
        "fat_select": (kinds.COLUMNS, kinds.ROWS),
        "queryset_eval": (kinds.ROWS, kinds.OFFSET),
    }

    def __init__(self):
        self.file = Path(tempfile.gettempdir()) / f"query_doctor_{os.getpid()}.json"

    def configure(self, settings):
        settings["INSTALLED_APPS"].append("query_doctor")
        settings["MIDDLEWARE"].append("query_doctor.middleware.QueryDoctorMiddleware")
        settings["QUERY_DOCTOR"] = {
            "REPORTERS": ["json"],
            "JSON_REPORT_PATH": str(self.file),
            "STACK_TRACE_EXCLUDE": ["planted/middleware.py", "perf/peers/", "runpy"],
        }

    def ask(self, path, get):
        self.file.unlink(missing_ok=True)
        get()
        if not self.file.exists():
            return []
        found = json.loads(self.file.read_text())["prescriptions"]
        self.file.unlink()
        return [self.report(one) for one in found]

    def report(self, one):
        site = one["location"]
        return Report(
            f"{one['description']} {one['fix_suggestion']}",
            f"{_shown(site['file'])}:{site['line']}" if site else "",
            self.KINDS[one["issue_type"]],
        )


class Zeal(Tool):
    name, package, module = "zeal", "django-zeal", "zeal"
    setup = "its app, its middleware, ZEAL_RAISE = False, so that it goes on after the first"

    def configure(self, settings):
        settings["INSTALLED_APPS"].append("zeal")
        settings["MIDDLEWARE"].append("zeal.middleware.zeal_middleware")
        settings["ZEAL_RAISE"] = False

    def ask(self, path, get):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            get()
        words = [str(one.message) for one in caught if "N+1 detected" in str(one.message)]
        return [self.report(one) for one in dict.fromkeys(words)]

    def report(self, words):
        match = re.search(r" at (\S+):(\d+) in ", words)
        place = f"{_shown(match[1])}:{match[2]}" if match else ""
        return Report(words, place, (kinds.READS, kinds.WRITES, kinds.DUPLICATES))


class NPlusOne(Tool):
    name, package, module = "nplusone", "nplusone", "nplusone"
    setup = (
        "its app, its middleware first, its logger at WARNING; the names that Python 3.10 took out "
        "of collections put back; the place is where it logs, which its NPLUSONE_RAISE would show"
    )

    def configure(self, settings):
        for name in ("Iterable", "Mapping", "MutableMapping", "Sequence"):
            setattr(collections, name, getattr(collections.abc, name))
        settings["INSTALLED_APPS"].append("nplusone.ext.django")
        settings["MIDDLEWARE"].insert(0, "nplusone.ext.django.NPlusOneMiddleware")
        settings["NPLUSONE_LOGGER"] = logging.getLogger("nplusone")
        settings["NPLUSONE_LOG_LEVEL"] = logging.WARNING

    def ask(self, path, get):
        found = []
        with _listening("nplusone", found):
            get()
        return [self.report(*one) for one in dict.fromkeys(found)]

    def report(self, words, place):
        is_eager = "unnecessary eager load" in words
        meant = (kinds.EAGER,) if is_eager else (kinds.READS, kinds.DUPLICATES)
        return Report(words, "" if is_eager else place, meant)


class Silk(Tool):
    name, package, module = "Silk", "django-silk", "silk"
    setup = (
        "its app, its middleware first. It judges nothing: a statement, values left out, that it "
        f"lists {LOOP_FROM} times or more in a request counts as said, at its stored traceback"
    )

    def configure(self, settings):
        settings["INSTALLED_APPS"].append("silk")
        settings["MIDDLEWARE"].insert(0, "silk.middleware.SilkyMiddleware")

    def ask(self, path, get):
        from django.apps import apps

        listed = apps.get_model("silk", "SQLQuery").objects
        listed.all().delete()
        get()
        return self.reports(list(listed.order_by("id").values_list("query", "traceback")))

    def reports(self, listed):
        from perf.silk.records import normal

        traces = {normal(query): trace for query, trace in listed}
        counts = Counter(normal(query) for query, _trace in listed)
        return [
            Report(
                f"{count} × {text}",
                _first_line(traces[text]),
                (kinds.READS, kinds.WRITES, kinds.DUPLICATES, kinds.SAVEPOINTS),
            )
            for text, count in counts.items()
            if count >= LOOP_FROM and '"silk_' not in text
        ]


TOOLS = {tool.name: tool for tool in (Workbench(), QueryDoctor(), Zeal(), NPlusOne(), Silk())}


def _shown(path):
    return str(Path(path).relative_to(ROOT)) if path.startswith(str(ROOT)) else path


def _lines(trace):
    """Return "file:line" of each line of the planted app in a traceback's text, in its order."""
    found = re.findall(r'File "([^"]+)", line (\d+)', trace)
    return [f"{_shown(file)}:{line}" for file, line in found if file.startswith(str(PLANTED))]


def _first_line(trace):
    return next(iter(_lines(trace)), "")


@contextmanager
def _listening(name, found):
    """Collect (message, place) of a logger; the place is that of the app's innermost line."""

    class Listener(logging.Handler):
        def emit(self, record):
            found.append(
                (record.getMessage(), _first_line("".join(reversed(traceback.format_stack()))))
            )

    logger, handler = logging.getLogger(name), Listener()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
