"""Keep Silk from hiding errors and from storing what clients sent.

Silk explains every statement, also one that has just failed: on PostgreSQL that turns an
expected IntegrityError into "current transaction is aborted" (django-silk issue 672). It
stores headers and query strings, and statements with their values put in.
"""

import json
import sys

import silk.model_factory
import silk.sql
from silk.collector import DataCollector

from perf.recording.fingerprint import fingerprint

KEPT_HEADERS = {"content-type", "content-length", "accept", "host"}


def install():
    """Patch Silk, once."""
    if getattr(silk.sql, "guarded", False):
        return
    silk.sql.guarded = True
    explain = silk.sql._explain_query
    register = DataCollector.register_query

    def explain_unless_failed(connection, sql, params):
        if sys.exc_info()[0] is not None:
            return None
        found = explain(connection, sql, params)
        return found and fingerprint(found)

    def register_masked(self, *queries):
        # Silk has put the values in without quotes; its caller still has the text without them.
        sql = sys._getframe(1).f_locals.get("q", "")
        for query in queries:
            query["query"] = fingerprint(sql)
        register(self, *queries)

    def headers(self):
        kept = {k.lower(): v for k, v in self.request.headers.items() if k.lower() in KEPT_HEADERS}
        return json.dumps(kept)

    def query_params(self):
        return json.dumps(dict.fromkeys(self.request.GET, "…")) if self.request.GET else ""

    silk.sql._explain_query = explain_unless_failed
    DataCollector.register_query = register_masked
    silk.model_factory.RequestModelFactory.encoded_headers = headers
    silk.model_factory.RequestModelFactory.query_params = query_params
