"""OpenTelemetry: slow statements and findings, where it is asked for."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.http import HttpResponse
from django.test import RequestFactory
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from drivers.models import Company
from perf.models import Sampled
from perf.sampling import export, plans
from perf.sampling.middleware import SamplingMiddleware

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def exported(monkeypatch):
    """Return what is told to OpenTelemetry: {instrument: its points}."""
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    export._instruments.cache_clear()

    def read():
        data = reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    yield read
    export._instruments.cache_clear()
    provider.shutdown()


def asked():
    def view(request):
        for number in range(4):
            list(Company.objects.filter(slug=f"secret {number}"))
        return HttpResponse()

    SamplingMiddleware(view, share=1.0)(RequestFactory().get("/x/"))


def test_slow_statements_and_findings_are_exported_once(sampling, exported):
    buffer = sampling(SLOW_MS=0, EXPORT="opentelemetry")
    asked()
    buffer.flush()
    buffer.flush()
    found = exported()
    [slow], [loop] = found["perf.slow_statement.duration"], found["perf.findings"]
    assert slow.count == 4
    assert slow.attributes["perf.release"] == "v1"
    assert slow.attributes["code.place"].startswith("tests/perf/sampling/test_export.py:")
    assert (loop.value, loop.attributes["perf.kind"]) == (1, "n+1 reads")
    assert "secret" not in str(found)


def test_a_plan_that_a_statement_never_had_is_exported(sampling, exported, monkeypatch):
    for shape in (["as ever"], ["as ever"], ["another"]):
        monkeypatch.setattr(plans, "shape_of", lambda plan, shape=shape: shape)
        Sampled.objects.update(hour=F("hour") - timedelta(hours=1))  # the plan is due again
        buffer = sampling(SLOW_MS=0, EXPORT="opentelemetry")  # another process
        asked()
        buffer.flush()
    [changed] = exported()["perf.plan_changes"]
    assert (changed.value, changed.attributes["perf.plan"]) == (1, plans.digest(["another"]))
    assert changed.attributes["code.place"].startswith("tests/perf/sampling/test_export.py:")


def test_nothing_is_exported_unasked(sampling, exported):
    buffer = sampling(SLOW_MS=0)
    asked()
    buffer.flush()
    assert exported() == {}
