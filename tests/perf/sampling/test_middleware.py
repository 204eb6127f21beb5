"""The middleware: a share of the requests, nobody's values, and no request that fails for it."""

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpResponse
from django.test import RequestFactory

from bookings.models import Client
from drivers.models import Company
from perf.models import Sampled, SampleKind
from perf.recording import record
from perf.sampling import middleware, sample
from perf.sampling.middleware import SamplingMiddleware
from tests.support import builders as make

REQUEST = RequestFactory().get("/x/")


def in_a_loop(request):
    for number in range(5):
        list(Company.objects.filter(slug=f"secret {number}"))
    return HttpResponse("done")


def asked(view=in_a_loop, share=1.0):
    return SamplingMiddleware(view, share=share)(REQUEST)


def kinds(kind):
    return list(Sampled.objects.filter(kind=kind).order_by("id"))


def test_it_is_off_unless_it_is_asked_for(settings):
    assert not any("sampling" in name for name in settings.MIDDLEWARE)
    with pytest.raises(MiddlewareNotUsed):
        SamplingMiddleware(in_a_loop)


def test_a_request_is_one_of_its_door_without_what_stood_in_the_path(
    client, db, settings, sampling
):
    buffer = sampling(SAMPLE=1.0)
    settings.MIDDLEWARE = ["perf.sampling.middleware.SamplingMiddleware", *settings.MIDDLEWARE]
    company = make.company()
    client.force_login(make.member(company))
    booking = make.booking(company)
    for _ in range(2):
        assert client.get(f"/admin/bookings/booking/{booking.id}/change/").status_code == 200
    assert client.get("/nowhere/ada/").status_code == 404
    buffer.flush()
    doors = {row.door: row for row in kinds(SampleKind.DOOR)}
    change = doors["GET admin/bookings/booking/<path:object_id>/change/"]
    assert change.count == 2
    assert change.release == "v1"
    assert change.statements >= 10  # session, user, company, the booking and its page
    assert change.total_ms >= change.detail["database_ms"] > 0
    assert not any("ada" in door for door in doors)


@pytest.mark.django_db
def test_a_loop_is_kept_with_its_line_and_its_cure_in_both_languages(sampling):
    buffer = sampling(SAMPLE=1.0)
    asked()
    asked()
    buffer.flush()
    [loop] = kinds(SampleKind.LOOP)
    assert (loop.count, loop.statements) == (2, 10)
    assert loop.place.startswith("tests/perf/sampling/test_middleware.py:")
    assert loop.place.endswith("in_a_loop")
    assert loop.detail["kind"] == "n+1 reads"
    assert set(loop.detail["cure"]) == {"en", "fr"}
    assert loop.detail["cure"]["en"].startswith("Read in a loop at")
    assert loop.detail["cure"]["fr"] != loop.detail["cure"]["en"]


@pytest.mark.django_db
def test_no_value_is_kept(sampling):
    buffer = sampling(SAMPLE=1.0, SLOW_MS=0)
    make.client(name="Ada Secret")

    def view(request):
        list(Client.objects.filter(name="Ada Secret"))
        list(Client.objects.raw("SELECT * FROM bookings_client WHERE name = 'Ada Secret'"))
        return in_a_loop(request)

    asked(view)
    buffer.flush()
    assert len(kinds(SampleKind.STATEMENT)) == 3
    assert kinds(SampleKind.PLAN)
    for row in Sampled.objects.values():
        assert "ecret" not in str(row)


@pytest.mark.django_db
def test_what_is_not_sampled_is_not_recorded(sampling, monkeypatch):
    buffer = sampling()
    monkeypatch.setattr(middleware, "random", lambda: 0.01)
    monkeypatch.setattr(sample, "begin", None)  # it would be called, and fail
    assert asked(share=0.01).content == b"done"
    buffer.flush()
    assert not Sampled.objects.exists()


def fails(*args, **kwargs):
    raise RuntimeError("the sampler is broken")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "breaks",
    [
        (sample, "begin"), (sample, "Sample"), (record, "find_site"),
        (middleware, "door_of"),
    ],
    ids=["the recorder's start", "the buffer", "the place", "the door"],
)  # fmt: skip
def test_what_fails_in_the_sampler_is_logged_and_the_request_goes_on(
    sampling, monkeypatch, caplog, breaks
):
    buffer = sampling(SAMPLE=1.0)
    monkeypatch.setattr(*breaks, fails)
    assert asked().content == b"done"
    buffer.flush()
    assert "the sampler is broken" in caplog.text
    assert not record._taps


@pytest.mark.django_db
def test_an_error_of_the_view_is_its_own_and_leaves_nothing_behind(sampling):
    sampling(SAMPLE=1.0)

    def view(request):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asked(view)
    assert not record._taps


@pytest.mark.django_db
def test_of_very_many_statements_the_rest_is_only_counted(sampling, monkeypatch):
    buffer = sampling(SAMPLE=1.0)
    monkeypatch.setattr(sample, "MOST", 3)
    asked()
    buffer.flush()
    [door] = kinds(SampleKind.DOOR)
    assert door.statements == 5
    assert kinds(SampleKind.LOOP)[0].statements == 3
