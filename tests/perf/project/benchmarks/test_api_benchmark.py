"""The three arms of the benchmark read the same rows; its figures are of the same page."""

import json

import pytest
from django.utils import timezone

from perf.project.benchmarks import api

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_the_arms_say_the_same_and_the_bulk_creates():
    company, key = api.seed(timezone.now())
    naive = json.loads(api.read_naively(company))
    view = json.loads(api.read_by_view(key))["results"]
    raw = json.loads(api.raw_reader(company)())
    assert len(naive) == len(view) == len(raw) == 100
    assert [row["id"] for row in naive] == [row["id"] for row in view] == [row["id"] for row in raw]
    assert set(naive[0]) == set(view[0])
    assert [row["client"] for row in naive] == [row["client"] for row in view]
    assert sum(bool(row["assignment"]) for row in view) > 50  # else there is less to read
    assert [row["assignment"] and row["assignment"]["id"] for row in naive] == [
        row["assignment"] and row["assignment"]["id"] for row in view
    ]
    assert api.measure_reading(company, key, pairs=1).naive.pairs == 1
    assert len(api.measure_bulk(key, times=1)) == 1
