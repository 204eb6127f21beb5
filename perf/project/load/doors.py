"""The doors that a load test knocks at: one line each in `DOORS`.

A door makes a request from what is `Known` of the server. What is known was read from the
server's own pages, never from its database: a server elsewhere is tested the same way.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from random import Random

from django.urls import resolve, reverse

from perf.project.doors import addresses


@dataclass(frozen=True, slots=True)
class Request:
    """`form` is sent as a form, `json` as JSON; the API asks for a `company`'s slug."""

    path: str
    method: str = "GET"
    form: dict | None = None
    json: dict | None = None
    company: str = ""


@dataclass(slots=True)
class Known:
    """Ids by model name as the lists show them; the day and mark of what is created.

    `company` is the slug of the company whose board the user is led to.
    """

    day: date
    mark: str
    company: str = ""
    ids: dict[str, list[str]] = field(default_factory=dict)
    companies: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Door:
    """`weight` is its share of the requests; any answer but `expects` is an error."""

    name: str
    weight: int
    request: Callable[[Known, Random, int], Request]
    expects: int = 200
    writes: bool = False


def page(name, query=""):
    """Return the maker of requests for one page."""
    return lambda known, random, number: Request(reverse(name) + query)


def row(model, name):
    """Return the maker of requests for the page of a row that a list showed."""

    def request(known, random, number):
        return Request(reverse(name, args=[random.choice(known.ids[model])]))

    return request


def board(known, random, number):
    return Request(reverse(addresses.BOARD, args=[known.company, known.day]))


def news(known, random, number):
    """Ask as an open board does: what is new since an event that is the last."""
    return Request(reverse(addresses.NEWS, args=[known.company]) + f"?after={10**12}")


def api(name, query=""):
    """Return the maker of requests for one list of the API."""
    return lambda known, random, number: Request(reverse(name) + query, company=known.company)


def api_booking(known, random, number):
    """Book by the API what `new_booking` books by the form."""
    form = new_booking(known, random, number).form
    day, clock = form["scheduled_time_0"], form["scheduled_time_1"]
    places = ("pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon")
    return Request(
        reverse(addresses.API_BOOKINGS),
        "POST",
        json={name: float(form[name]) for name in places}
        | {"reference": f"{form['reference']}-api", "scheduled_time": f"{day}T{clock}Z"},
        company=known.company,
    )


def new_booking(known, random, number):
    """Fill in the admin's form: an urgent trip in Geneva, nobody's in particular."""
    lat, lon = random.uniform(46.17, 46.24), random.uniform(6.08, 6.18)
    return Request(
        reverse(addresses.NEW_BOOKING),
        "POST",
        form={
            "company": random.choice(known.companies),
            "reference": f"{known.mark}-{number}",
            "pickup_lat": f"{lat:.5f}",
            "pickup_lon": f"{lon:.5f}",
            "dropoff_lat": "46.19360",
            "dropoff_lon": "6.14870",
            "scheduled_time_0": known.day.isoformat(),
            "scheduled_time_1": f"{random.randrange(7, 17):02d}:{random.randrange(60):02d}:00",
            "passengers": "1",
            "wheelchairs": "0",
            "needs": "[]",
            "priority": str(random.randrange(3)),
        },
    )


DOORS = (
    Door("board", 4, board),
    Door("board's news", 10, news, expects=204),
    Door("bookings", 5, page(addresses.BOOKINGS)),
    Door("bookings to assign", 3, page(addresses.BOOKINGS, "?status__exact=accepted")),
    Door("search a booking", 2, page(addresses.BOOKINGS, "?q=-1")),
    Door("a booking", 4, row("booking", addresses.BOOKING)),
    Door("new booking", 3, new_booking, expects=302, writes=True),
    Door("assignments", 3, page(addresses.ASSIGNMENTS)),
    Door("drivers", 2, page(addresses.DRIVERS)),
    Door("a driver", 1, row("driver", addresses.DRIVER)),
    Door("clients", 1, page(addresses.CLIENTS)),
    Door("events", 1, page(addresses.EVENTS)),
    Door("API: bookings", 4, api(addresses.API_BOOKINGS, "?limit=100&expand=client,assignment")),
    Door("API: assignments", 2, api(addresses.API_ASSIGNMENTS)),
    Door("API: events", 3, api(addresses.API_EVENTS, "?after=0")),
    Door("API: new booking", 3, api_booking, expects=201, writes=True),
)

# What is read before anything is timed: where the ids and choices come from.
# {model: (name of its list, query)}
LISTS = {"booking": (addresses.BOOKINGS, "?day=all"), "driver": (addresses.DRIVERS, "")}
COMPANIES = re.compile(r'<select name="company".*?</select>', re.DOTALL)
CHOICE = re.compile(r'<option value="(\d+)"')


def ids_in(html, name):
    """Return the ids that an admin list links to."""
    start = re.escape(reverse(name))
    return list(dict.fromkeys(re.findall(rf'href="{start}(\d+)/change/', html)))


def company_in(location):
    """Return the slug in the address of a board."""
    return resolve(location).kwargs["company"]


def companies_in(html):
    """Return the choices of the company on the admin's form."""
    found = COMPANIES.search(html)
    return CHOICE.findall(found[0]) if found else []
