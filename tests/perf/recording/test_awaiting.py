"""The place of what async code asks is the line of ours that awaits it, under ASGI and WSGI."""

import asyncio
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connections
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from perf.recording import awaiting
from perf.recording.finding import READS
from perf.recording.record import record_queries
from perf.recording.repeated import find_loops
from tests.perf.planted.models import Publisher


async def counts():
    return await Publisher.objects.acount()  # counts


def decorated(view):
    async def inner(request):
        return await view(request)

    return inner


@decorated
async def counting(request):
    return HttpResponse(await counts())


async def going_through(request):
    async for _publisher in Publisher.objects.order_by("id"):  # going_through
        pass
    async for _publisher in Publisher.objects.order_by("name").aiterator():  # going_through
        pass
    return HttpResponse()


async def lazy(request):
    names = (publisher.name async for publisher in Publisher.objects.order_by("id"))  # lazy
    return HttpResponse([name async for name in names])


async def threaded(request):
    return HttpResponse(await sync_to_async(list)(Publisher.objects.all()))  # threaded


async def gathering(request):
    await asyncio.gather(  # gathering
        Publisher.objects.acount(), Publisher.objects.aexists()
    )
    return HttpResponse()


async def grouped(request):
    async with asyncio.TaskGroup() as group:  # grouped
        group.create_task(Publisher.objects.acount())
    return HttpResponse()


async def waiting(request):
    await asyncio.create_task(Publisher.objects.acount())  # waiting
    await asyncio.wait_for(Publisher.objects.aexists(), 60)  # waiting
    await asyncio.wait([asyncio.create_task(Publisher.objects.acount())])  # waiting
    return HttpResponse()


async def looping(request):
    for number in range(4):
        await Publisher.objects.filter(name=str(number)).afirst()  # looping
    return HttpResponse()


async def dividing(request):
    await Publisher.objects.acount()  # dividing
    await asyncio.gather(part(), part())
    await Publisher.objects.acount()  # dividing
    return HttpResponse()


async def part():
    await Publisher.objects.acount()  # dividing
    await Publisher.objects.acount()  # dividing


VIEWS = (dividing, going_through, lazy, threaded, gathering, grouped, waiting, looping)
urlpatterns = [path(f"{view.__name__}/", view) for view in VIEWS]
urlpatterns += [path("counts/", counting)]


@pytest.fixture(params=["WSGI", "ASGI"])
def get(request, settings):
    settings.ROOT_URLCONF = __name__
    settings.PERF = {"APPS": ["planted"]}
    Publisher.objects.create(name="One")
    get = Client().get if request.param == "WSGI" else async_to_sync(AsyncClient().get)

    def recorded(name):
        with record_queries() as q:
            assert get(f"/{name}/").status_code == 200
        return [statement for statement in q if "planted" in statement.sql]

    return recorded


def lines_of(name):
    """Return the lines of this file that end in the name, as a comment."""
    with open(__file__, encoding="utf-8") as file:
        return [number for number, line in enumerate(file, 1) if line.endswith(f"  # {name}\n")]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["counts", *(view.__name__ for view in VIEWS)])
def test_the_place_is_the_line_that_awaits(get, name):
    places = [statement.site for statement in get(name)]
    assert {site.file for site in places} == {"tests/perf/recording/test_awaiting.py"}
    assert sorted({site.line for site in places}) == lines_of(name)


@pytest.mark.django_db
def test_a_loop_that_awaits_is_a_loop(get):
    [loop] = find_loops(get("looping"))
    assert (loop.kind, loop.count) == (READS, 4)
    assert str(loop.sites[0]).endswith(" looping")


def test_what_awaits_is_found_while_it_still_runs(monkeypatch):
    """The thread may be faster than the coroutine that hands the call over to it."""

    async def runs():
        return await hands_over()

    async def hands_over():
        func = object()  # as the coroutine of asgiref names it
        thread = SimpleNamespace(f_locals={"func": func, "loop": asyncio.get_running_loop()})
        return [frame.f_code.co_name for frame in awaiting.awaiting_frames(thread)]

    monkeypatch.setattr(awaiting, "AWAITS", hands_over.__code__)
    assert asyncio.run(runs())[:2] == ["hands_over", "runs"]


def test_a_thread_that_names_its_call_otherwise_breaks_nothing():
    assert list(awaiting.awaiting_frames(SimpleNamespace(f_locals={"callback": print}))) == []


@pytest.mark.django_db(transaction=True)
def test_a_server_of_its_own_thread_is_looked_through_too(settings):
    """An ASGI server runs no code of ours above the loop: the thread's stack ends with asgiref."""
    settings.PERF = {"APPS": ["planted"]}

    async def served():
        await counts()
        await sync_to_async(connections.close_all)()

    with record_queries(all_threads=True) as q:
        asyncio.run(served())
    assert {(statement.site.function, statement.site.line) for statement in q} == {
        ("counts", lines_of("counts")[0])
    }
