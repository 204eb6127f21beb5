"""The admin's list of bookings, and a booking's page."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings.models import Actor, Booking, Door
from bookings.save import save_booking
from tests.support import builders as make

URL = reverse("admin:bookings_booking_changelist")


def found(client, **params):
    page = client.get(URL, params)
    assert page.status_code == 200
    return {booking.reference for booking in page.context["cl"].result_list}


def form_of(booking):
    names = ["reference", "passengers", "wheelchairs", "priority"]
    names += [
        f"{end}_{what}" for end in ("pickup", "dropoff") for what in ("address", "lat", "lon")
    ]
    local = booking.company.local(booking.scheduled_time)
    return {name: getattr(booking, name) for name in names} | {
        "scheduled_time_0": local.date().isoformat(),
        "scheduled_time_1": local.time().isoformat(),
        "needs": "",
        "seen_version": booking.version,
    }


def test_days_are_the_companys(client, geneva):
    today = geneva.local(timezone.now()).date()
    make.booking(geneva, "00:00", day=today, reference="first")
    make.booking(geneva, "23:59", day=today, reference="last")
    make.booking(geneva, "24:00", day=today, reference="next")
    assert found(client, day="today") == {"first", "last"}
    assert found(client, day="tomorrow") == {"next"}
    tomorrow = (today + timedelta(days=1)).isoformat()
    assert found(client, **{"from": tomorrow, "to": tomorrow}) == {"next"}
    assert found(client, **{"from": "17.6.2026"}) == set()


def test_a_list_opened_without_a_day_is_todays_in_the_order_of_the_day(client, geneva):
    today = geneva.local(timezone.now()).date()
    for clock, day in (("10:00", today), ("08:00", today), ("08:00", today + timedelta(days=1))):
        make.booking(geneva, clock, day=day, reference=f"{day} {clock}")
    now = client.get(URL)
    rows = [booking.reference for booking in now.context["cl"].result_list]
    assert rows == [f"{today} 08:00", f"{today} 10:00"]
    assert "day=all" in now.text  # how to see all days
    everything = client.get(URL, {"day": "all"}).context["cl"].result_list
    assert everything[0].reference == f"{today + timedelta(days=1)} 08:00"
    popup = client.get(URL, {"_popup": "1"}).context["cl"].result_list  # to choose a booking
    assert len(popup) == 3


def test_the_bar_leads_to_the_days_beside_and_to_the_board(client, geneva):
    page = client.get(URL, {"from": make.DAY, "to": make.DAY, "status__exact": "accepted"}).text
    for day in ("2026-06-16", "2026-06-18"):
        assert f"?status__exact=accepted&amp;from={day}&amp;to={day}" in page
    assert f'href="{reverse("admin:board:day", args=["geneva", make.DAY])}"' in page
    assert "Wednesday" in page
    assert "day-bar" in page
    assert "day-bar" not in client.get(URL, {"from": "17.6.2026"}).text  # no day, no bar


def test_wheelchairs_and_the_unassigned_are_filtered(client, geneva):
    make.booking(geneva, reference="chair", wheelchairs=1)
    given = make.booking(geneva, reference="given")
    make.assignment(given, make.driver(geneva))
    assert found(client, wheelchair="yes", day="all") == {"chair"}
    assert found(client, wheelchair="no", day="all") == {"given"}
    assert found(client, driver="none", day="all") == {"chair"}


def test_a_day_is_searched_by_place_and_all_days_by_client_and_reference(client, geneva):
    ana = make.client(geneva, "Ana Blanc", phone="+41 22 555")
    make.booking(geneva, reference="A-1", client=ana, pickup_address="Quai 3")
    make.booking(geneva, reference="A-2")
    day = {"from": make.DAY.isoformat(), "to": make.DAY.isoformat()}
    assert found(client, q="quai blanc", **day) == {"A-1"}
    assert found(client, q="22 555") == {"A-1"}
    assert found(client, q="A-2") == {"A-2"}
    assert found(client, q="quai") == set()


def test_no_other_companys_booking_is_found(client, geneva):
    other = make.company("other")
    theirs = make.client(other, "Ana Blanc")
    make.booking(other, reference="theirs", client=theirs)
    day = {"from": make.DAY.isoformat(), "to": make.DAY.isoformat()}
    for params in ({"day": "all"}, day, {"q": "Ana"}, {"q": "theirs"}, {"q": "Ana", **day}):
        assert found(client, **params) == set()


def test_the_list_takes_as_many_statements_for_one_as_for_many(client, geneva):
    def statements(**params):
        with CaptureQueriesContext(connection) as seen:
            found(client, **params)
        return len(seen)

    ana = make.client(geneva, "Ana")
    make.booking(geneva, client=ana)
    few = statements(day="all"), statements(q="Ana")
    for _ in range(20):
        row = make.booking(geneva, client=make.client(geneva, f"Ana {_}"))
        make.assignment(row, make.driver(geneva))
    assert (statements(day="all"), statements(q="Ana")) == few


def test_the_list_and_the_page_show_the_driver_and_lead_to_the_board(client, geneva):
    booking = make.booking(geneva, client=make.client(geneva, "Ana Blanc"))
    make.assignment(booking, make.driver(geneva, "Former"), status="superseded")
    make.assignment(booking, make.driver(geneva, "Anna Roth"), planned_pickup_at=make.at("09:05"))
    board = reverse("admin:board:day", args=["geneva", make.DAY])
    for url in (f"{URL}?day=all", reverse("admin:bookings_booking_change", args=[booking.pk])):
        page = client.get(url).text
        assert "Anna Roth, 09:05" in page
        assert "Former" not in page
        assert f"{board}?trip={booking.pk}" in page
    assert (
        "Avenue de Feuillasse 1 → Rue Gabrielle-Perret-Gentil 4<"
        in client.get(f"{URL}?day=all").text
    )


def test_the_page_tells_what_happened_to_the_trip(client, geneva):
    booking = make.booking(geneva)
    booking.passengers = 3
    save_booking(booking, actor=Actor(Door.API, name="hospital"), now=make.NOW, reason="a friend")
    page = client.get(reverse("admin:bookings_booking_change", args=[booking.pk])).text
    for part in ("hospital", "API", "a friend", ">1</del> → 3"):
        assert part in page


def test_anothers_change_is_not_overwritten_but_told(client, geneva):
    booking = make.booking(geneva)
    form = form_of(booking) | {"passengers": 2}
    booking.notes = "second floor"
    save_booking(booking, actor=Actor(Door.API, name="hospital"), now=make.NOW)
    page = client.post(reverse("admin:bookings_booking_change", args=[booking.pk]), form)
    assert page.status_code == 200
    assert "hospital changed this booking at 18:00 (notes: – → second floor)" in page.text
    assert Booking.objects.get().passengers == 1


def test_a_range_of_days_is_chosen_beside_the_list(client, geneva):
    booking = make.booking(geneva)
    page = client.get(URL, {"from": make.DAY, "to": make.DAY, "status__exact": "accepted"})
    assert [row.pk for row in page.context["cl"].result_list] == [booking.pk]
    assert f'name="from" value="{make.DAY}"' in page.text
    assert '<input type="hidden" name="status__exact" value="accepted">' in page.text
    assert "?day=today&amp;status__exact=accepted" in page.text  # a day replaces the range


def test_the_form_leaves_to_the_use_cases_what_is_theirs(client, geneva):
    booking = make.booking(geneva)
    url = reverse("admin:bookings_booking_change", args=[booking.pk])
    theirs = {"status": "completed", "will_call": "on", "cancel_reason": "x", "return_of": 1}
    client.post(url, form_of(booking) | {"notes": "ring", "needs": "oxygen, stretcher"} | theirs)
    booking.refresh_from_db()
    assert (booking.notes, booking.needs) == ("ring", ["oxygen", "stretcher"])
    assert (booking.status, booking.will_call, booking.cancel_reason) == ("accepted", False, "")
    assert booking.return_of is None


@pytest.mark.parametrize(
    ("name", "active"),
    [("bookings_booking_changelist", "Bookings"), ("bookings_booking_telephone", "New booking")],
)
def test_the_sidebar_marks_one_page(client, geneva, name, active):
    page = client.get(reverse(f"admin:{name}"))
    items = [item for group in page.context["sidebar_navigation"] for item in group["items"]]
    assert [item["title"] for item in items if item["active"]] == [active]
    assert 'href="/static/dispatchsite/favicon.svg"' in page.text


def test_the_list_counts_no_facets(client, geneva):
    page = client.get(URL, {"day": "today", "_facets": "True"})
    assert not page.context["cl"].add_facets
    assert "Show counts" not in page.text
