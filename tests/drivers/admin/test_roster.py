"""The roster: a week of all drivers, filled by copies and by the guarded forms."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dispatch.models import Assignment
from drivers.fleet.roster import read_roster
from drivers.models import Absence, Role, Shift, ShiftTemplate
from tests.support import builders as make
from tests.support.pages import save, shown_fields

MONDAY = date(2030, 6, 10)
ROSTER = "/admin/drivers/shift/roster/"
DAY = timedelta(days=1)


@pytest.fixture
def geneva(db):
    return make.company("geneva")


@pytest.fixture
def anna(geneva):
    return make.driver(geneva, "Anna")


@pytest.fixture
def desk(client, geneva):
    """A dispatcher's browser."""
    client.force_login(make.member(geneva, Role.DISPATCHER))
    return client


def week_of(company, monday=MONDAY):
    """Return {driver: [what stands on each day]}."""
    return {
        row.name: [
            [
                f"{company.clock(shift.start_at)}–{company.clock(shift.end_at)}"
                for shift in cell.shifts
            ]
            + [
                f"{absence.reason}{' all day' if absence.id in cell.all_day else ''}"
                for absence in cell.absences
            ]
            for cell in row.cells
        ]
        for row in read_roster(company, monday).rows
    }


def copy(browser, company, **form):
    form = {"company": company.slug, "week": MONDAY.isoformat(), **form}
    response = browser.post(ROSTER, form, follow=True)
    return [str(message) for message in response.context["messages"]]


def test_shifts_stand_on_their_first_day_and_absences_on_each_of_theirs(geneva, anna):
    make.driver(geneva, "Ben")
    make.driver(geneva, "Gone", is_active=False)
    make.shift(make.driver(geneva, "Leaving", is_active=False), day=MONDAY)
    make.shift(make.driver(make.company("elsewhere"), "Stranger"), day=MONDAY)
    make.shift(anna, "22:00", "23:00", day=MONDAY - DAY)
    make.shift(anna, "06:00", "10:00", day=MONDAY)
    make.shift(anna, "14:00", "18:00", day=MONDAY)
    Absence.objects.create(
        driver=anna,
        start_at=make.at("00:00", MONDAY + 2 * DAY),
        end_at=make.at("12:00", MONDAY + 3 * DAY),
        reason="holiday",
    )
    assert week_of(geneva) == {
        "Anna": [
            ["06:00–10:00", "14:00–18:00"], [], ["holiday all day"], ["holiday"], [], [], [],
        ],
        "Ben": [[]] * 7,
        "Leaving": [["06:00–18:00"], *[[]] * 6],
    }  # fmt: skip
    hours = {row.name: row.hours for row in read_roster(geneva, MONDAY).rows}
    assert hours["Anna"] == timedelta(hours=8)


def test_the_page_shows_the_week_and_leads_to_its_forms(desk, geneva, anna):
    shift = make.shift(anna, "06:00", "14:30", day=MONDAY + DAY)
    page = desk.get(ROSTER, {"week": "2030-06-13"}).text
    assert "06:00–14:30" in page
    change = reverse("admin:drivers_shift_change", args=[shift.pk])
    assert f'href="{change}?roster=2030-06-11"' in page
    assert f"driver={anna.pk}&amp;day=2030-06-16" in page
    assert ">8.5</td>" in page
    assert "?week=2030-06-03" in page
    assert "?week=2030-06-17" in page
    assert desk.get(ROSTER, {"week": "nonsense"}).status_code == 200


def test_a_viewer_reads_and_writes_nothing(client, geneva, anna):
    make.shift(anna, day=MONDAY - 7 * DAY)
    client.force_login(make.member(geneva, Role.VIEWER))
    page = client.get(ROSTER, {"week": MONDAY.isoformat()}).text
    assert "Anna" in page
    assert "Copy the week before" not in page
    assert "event_busy" not in page[page.index('class="roster"') :]
    form = {"company": "geneva", "week": MONDAY.isoformat(), "origin": "week_before"}
    assert client.post(ROSTER, form).status_code == 404
    assert Shift.objects.count() == 1


def test_the_week_before_is_copied_once(desk, geneva, anna):
    make.shift(anna, "22:00", "23:30", day=MONDAY - 3 * DAY)
    make.shift(anna, "06:00", "14:00", day=MONDAY - 7 * DAY)
    make.shift(anna, "12:00", "16:00", day=MONDAY)
    assert copy(desk, geneva, origin="week_before") == [
        "1 shift created, 0 already there, 1 skipped.",
        "Anna, Mon 10. 6. 06:00: it overlaps another shift",
    ]
    expected = [["12:00–16:00"], [], [], [], ["22:00–23:30"], [], []]
    assert week_of(geneva)["Anna"] == expected
    copy(desk, geneva, origin="week_before")
    assert week_of(geneva)["Anna"] == expected


def test_the_shifts_of_a_colleague_are_copied(desk, geneva, anna):
    ben = make.driver(geneva, "Ben")
    make.shift(anna, "06:00", "14:00", day=MONDAY, break_min=30)
    make.shift(anna, "06:00", "14:00", day=MONDAY + 7 * DAY)
    told = copy(desk, geneva, origin="colleague", colleague=anna.pk, driver=ben.pk)
    assert told == ["1 shift created, 0 already there, 0 skipped."]
    assert week_of(geneva)["Ben"] == week_of(geneva)["Anna"]
    assert ben.shifts.get().break_min == 30


def test_copies_that_make_no_sense_are_refused(desk, geneva, anna):
    stranger = make.driver(make.company("elsewhere"))
    make.shift(stranger, day=MONDAY)
    gone = make.driver(geneva, is_active=False)
    two = "Choose two active drivers of the company."
    for colleague, driver, said in (
        (anna.pk, anna.pk, two),
        (anna.pk, "", "Choose whose shifts are copied, and to whom."),
        (stranger.pk, anna.pk, two),
        (anna.pk, stranger.pk, two),
        (anna.pk, gone.pk, two),
    ):
        assert copy(desk, geneva, origin="colleague", colleague=colleague, driver=driver) == [said]
    assert copy(desk, geneva, origin="colleague", colleague="x", driver="1")[0].startswith("Enter")
    assert not anna.shifts.exists()


def test_another_companys_week_is_not_copied(desk, geneva):
    other = make.company("elsewhere")
    make.shift(make.driver(other), day=MONDAY - 7 * DAY)
    form = {"company": "elsewhere", "week": MONDAY.isoformat(), "origin": "week_before"}
    assert desk.post(ROSTER, form).status_code == 404
    assert Shift.objects.count() == 1


def test_a_new_shift_begins_with_the_usual_hours_and_leads_back(desk, geneva, anna):
    ShiftTemplate.objects.create(
        driver=anna, weekday=1, start="22:00", end="06:00", break_min=45, break_from="01:00"
    )
    add = f"{reverse('admin:drivers_shift_add')}?driver={anna.pk}&day=2030-06-11&roster=2030-06-11"
    shown = shown_fields(desk.get(add))
    names = ("start_at_0", "start_at_1", "end_at_0", "end_at_1", "break_min")
    assert [shown[name][0] for name in names] == [
        "2030-06-11", "22:00:00", "2030-06-12", "06:00:00", "45"
    ]  # fmt: skip
    assert save(desk, add).status_code == 302
    assert week_of(geneva)["Anna"][1] == ["22:00–06:00"]
    assert anna.shifts.get().break_from_at == make.at("01:00", date(2030, 6, 12))


def test_a_day_without_usual_hours_asks_for_them(desk, anna):
    add = f"{reverse('admin:drivers_shift_add')}?driver={anna.pk}&day=2030-06-11&roster=2030-06-11"
    shown = shown_fields(desk.get(add))
    assert (shown["start_at_0"], shown["start_at_1"]) == (["2030-06-11"], [""])
    form = {name: values[0] for name, values in shown.items()} | {"_save": "1"}
    saved = desk.post(add, form | {"start_at_1": "6h", "end_at_1": "1430"})
    assert saved.url == f"{ROSTER}?week=2030-06-11"
    assert anna.shifts.get().start_at == make.at("06:00", date(2030, 6, 11))


def test_absent_all_day_asks_before_it_takes_trips(desk, geneva, anna):
    day = MONDAY + DAY
    make.shift(anna, day=day)
    trip = make.booking(geneva, "09:00", day=day)
    make.assignment(trip, anna)
    add = f"{reverse('admin:drivers_absence_add')}?driver={anna.pk}&day={day}&roster={day}"
    form = {name: values[0] for name, values in shown_fields(desk.get(add)).items()}
    form |= {"_save": "1"}
    asked = desk.post(add, form)
    assert asked.status_code == 409
    assert not Absence.objects.exists()
    agreed = desk.post(add, form | {"release": Assignment.objects.get().pk})
    assert agreed.url == f"{ROSTER}?week={day}"
    absence = Absence.objects.get()
    assert (absence.start_at, absence.end_at) == (
        make.at("00:00", day),
        make.at("00:00", day + DAY),
    )
    assert week_of(geneva)["Anna"][1] == ["06:00–18:00", "holiday all day"]


def test_statements_do_not_grow(desk, geneva):
    counts = []
    for many in (1, 8):
        for number in range(many):
            driver = make.driver(geneva, f"{many}-{number}")
            make.shift(driver, day=MONDAY)
            make.shift(driver, day=MONDAY - 7 * DAY)
            Absence.objects.create(
                driver=driver, start_at=make.at("07:00", MONDAY), end_at=make.at("08:00", MONDAY)
            )
        with CaptureQueriesContext(connection) as shown:
            desk.get(ROSTER, {"week": MONDAY.isoformat()})
        with CaptureQueriesContext(connection) as copied:
            desk.post(ROSTER, {"company": "geneva", "week": MONDAY, "origin": "week_before"})
        counts.append((len(shown), len(copied)))
    assert counts[0] == counts[1]
    assert counts[0][0] == 5 + 3 + 1  # session, user, companies, permissions; the week; may write
