"""What people and drivers do to single trips."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest import mock

import pytest
from django.db import DatabaseError, connection

from bookings.models import TRANSITIONS, Actor, Booking, Door, Event, Status
from bookings.save import StaleBookingError, StatusRefusedError
from dispatch import ledger
from dispatch.models import Assignment
from dispatch.trips import decisions, progress, write_trip
from dispatch.trips.cancel import cancel
from dispatch.trips.locking import NoSuchTrip
from tests.support import builders as make

ACTOR = Actor(Door.API, name="test")
NOW = make.at("08:50")
BY_ASSIGNMENT = {booking: own for own, booking in make.BOOKING_STATUS.items()}


def a_trip(status=Status.ASSIGNED, **fields):
    booking = make.booking()
    make.assignment(booking, make.driver(), status=BY_ASSIGNMENT[status], **fields)
    return booking


def do(use_case, booking, *args, **options):
    options = {"actor": ACTOR, "now": NOW} | options
    return use_case(booking.company, booking.id, *args, **options)


def stored(booking):
    """Return the statuses of the booking and of its newest assignment."""
    assignment = Assignment.objects.filter(booking=booking).order_by("-id").first()
    return Booking.objects.get(id=booking.id).status, assignment and assignment.status


@pytest.mark.django_db
def test_a_pending_booking_is_accepted_once():
    booking = make.booking(status=Status.PENDING)
    assert do(decisions.accept, booking).changed
    assert not do(decisions.accept, booking).changed
    assert stored(booking) == ("accepted", None)
    event = Event.objects.get()
    assert (event.kind, event.old, event.new) == (
        "booking.status",
        {"status": "pending"},
        {"status": "accepted"},
    )


@pytest.mark.django_db
def test_accepting_does_not_release_an_assigned_trip():
    booking = a_trip()
    with pytest.raises(StatusRefusedError):
        do(decisions.accept, booking)
    assert stored(booking) == ("assigned", "planned")


@pytest.mark.django_db
def test_cancelling_frees_the_driver_and_twice_is_fine():
    booking = a_trip()
    version = booking.version
    assert do(cancel, booking, reason="ill", version=version)
    assert not do(cancel, booking, reason="ill", version=version)
    assert stored(booking) == ("canceled", "canceled")
    booking.refresh_from_db()
    assert (booking.cancel_reason, booking.version) == ("ill", version + 1)
    assert not Assignment.objects.open().exists()
    assert Event.objects.get().new == {"status": "canceled", "cancel_reason": "ill"}


@pytest.mark.django_db
def test_what_somebody_else_changed_is_not_overwritten():
    booking = a_trip()
    with pytest.raises(StaleBookingError):
        do(cancel, booking, version=booking.version + 1)
    with pytest.raises(StaleBookingError):
        do(decisions.lock, booking, assignment_id=10**9)
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_another_companys_trip_does_not_exist():
    booking = a_trip()
    other = make.company("lausanne")
    for use_case in (decisions.accept, cancel, decisions.lock, decisions.release):
        with pytest.raises(NoSuchTrip):
            use_case(other, booking.id, actor=ACTOR, now=NOW)


@pytest.mark.django_db
def test_locking_and_confirming_change_the_assignment_alone():
    booking = a_trip()
    assert do(decisions.lock, booking).assignment.locked
    assert do(decisions.confirm, booking).assignment.confirmed
    assert not do(decisions.lock, booking).changed
    assert not do(decisions.unlock, booking).assignment.locked
    assert [event.new for event in Event.objects.order_by("id")] == [
        {"locked": True},
        {"confirmed": True},
        {"locked": False},
    ]
    assert Booking.objects.get().version == booking.version


@pytest.mark.django_db
def test_without_a_driver_there_is_nothing_to_lock():
    with pytest.raises(write_trip.NotAssigned):
        do(decisions.lock, make.booking())


@pytest.mark.django_db
def test_a_released_trip_waits_for_a_driver_again():
    booking = a_trip()
    assert do(decisions.release, booking).assignment is None
    assert stored(booking) == ("accepted", "superseded")
    event = Event.objects.get()
    assert event.kind == "assignment.released"
    assert event.old["driver"] == Assignment.objects.get().driver_id
    assert not do(decisions.release, booking).changed


@pytest.mark.django_db
def test_a_trip_is_driven_from_start_to_end_with_its_real_times():
    booking = a_trip()
    for status, clock in (("en_route", "08:51"), ("in_progress", "09:02"), ("completed", "09:21")):
        trip = do(progress.report_progress, booking, Status(status), now=make.at(clock))
        assert trip.booking.status == status
    row = Assignment.objects.get()
    assert (row.actual_pickup_at, row.actual_dropoff_at) == (make.at("09:02"), make.at("09:21"))
    assert stored(booking) == ("completed", "completed")
    assert trip.assignment is None
    assert not do(progress.report_progress, booking, Status.COMPLETED).changed


@pytest.mark.django_db
def test_a_client_who_does_not_come_ends_the_trip():
    booking = a_trip(Status.EN_ROUTE)
    do(progress.report_progress, booking, Status.NO_SHOW, reason="nobody at the door")
    assert stored(booking) == ("no_show", "no_show")
    assert Event.objects.get().reason == "nobody at the door"


@pytest.mark.django_db
@pytest.mark.parametrize("old", [Status.ASSIGNED, Status.EN_ROUTE, Status.IN_PROGRESS])
@pytest.mark.parametrize("new", Status)
def test_progress_follows_the_listed_transitions_and_both_statuses_agree(old, new):
    booking = a_trip(old)
    possible = new in TRANSITIONS[old] and new in progress.ASSIGNMENT_STATUS
    if possible or new == old:
        do(progress.report_progress, booking, new)
        assert stored(booking) == (new, BY_ASSIGNMENT[new])
    else:
        with pytest.raises(StatusRefusedError):
            do(progress.report_progress, booking, new)
        assert stored(booking) == (old, BY_ASSIGNMENT[old])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "at"),
    [
        ("in_progress", NOW + timedelta(minutes=6)),
        ("in_progress", NOW - timedelta(hours=49)),
        ("completed", NOW - timedelta(minutes=10)),
    ],
)
def test_a_time_that_cannot_be_is_refused(status, at):
    if status == "completed":
        booking = a_trip(Status.IN_PROGRESS, actual_pickup_at=NOW - timedelta(minutes=5))
    else:
        booking = a_trip(Status.EN_ROUTE)
    with pytest.raises(progress.ImplausibleTime):
        do(progress.report_progress, booking, Status(status), at=at)
    assert not Event.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("old", "report"),
    [
        ("assigned", Status.EN_ROUTE),
        ("en_route", Status.IN_PROGRESS),
        ("en_route", Status.NO_SHOW),
        ("en_route", "arrive"),
        ("in_progress", Status.COMPLETED),
    ],
)
def test_a_trip_begins_four_hours_before_its_planned_pickup_at_the_earliest(old, report):
    booking = a_trip(Status(old))  # planned for 09:00

    def tell(clock, now):
        when = {"at": clock and make.at(clock), "now": make.at(now)}
        if report == "arrive":
            return do(progress.arrive, booking, **when)
        return do(progress.report_progress, booking, report, **when)

    with pytest.raises(progress.TooEarly, match="2026-06-17 05:00") as refused:
        tell(None, "04:59")
    assert refused.value.members() == {"possible_from": "2026-06-17T03:00:00Z"}
    with pytest.raises(progress.TooEarly):  # told late, of a time too early
        tell("04:59", "08:00")
    assert not Event.objects.exists()
    assert tell("05:00", "08:00").changed


@pytest.mark.django_db
def test_whoever_was_set_en_route_too_early_is_taken_back_at_any_time():
    booking = a_trip(Status.EN_ROUTE)
    assert do(progress.report_progress, booking, Status.ASSIGNED, now=make.NOW).changed


@pytest.mark.django_db
def test_a_driver_reports_only_his_own_trips():
    booking, other = a_trip(), make.driver()
    mine = Assignment.objects.get().driver_id
    with pytest.raises(NoSuchTrip):
        do(progress.report_progress, booking, Status.EN_ROUTE, driver_id=other.id)
    assert do(progress.report_progress, booking, Status.EN_ROUTE, driver_id=mine).changed


@pytest.mark.django_db
@pytest.mark.parametrize("others", [0, 30])
@pytest.mark.parametrize(
    ("use_case", "statements"),
    [(cancel, 7), (decisions.lock, 6), (decisions.confirm, 6), (decisions.release, 7)],
)
def test_statements_do_not_grow_with_the_table(
    django_assert_num_queries, use_case, statements, others
):
    booking = a_trip()
    for _other in range(others):
        make.booking()
    with django_assert_num_queries(statements + 2):  # and the savepoint inside the test's own
        do(use_case, booking)


@pytest.mark.django_db
def test_without_its_event_nothing_changes():
    booking = a_trip()
    with (
        mock.patch.object(ledger, "log", side_effect=DatabaseError),
        pytest.raises(DatabaseError),
    ):
        do(cancel, booking)
    assert stored(booking) == ("assigned", "planned")


@pytest.mark.django_db(transaction=True)
def test_of_two_reports_at_once_one_wins_and_the_other_is_refused():
    booking = a_trip()

    def attempt(use_case):
        try:
            return bool(do(use_case, booking, version=booking.version))
        except (StaleBookingError, StatusRefusedError) as refused:
            return type(refused)
        finally:
            connection.close()

    def set_off(company, booking_id, *, version, **options):
        return progress.report_progress(company, booking_id, Status.EN_ROUTE, **options)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(attempt, [cancel, set_off]))
    # Cancelled last is possible too: en route may still be cancelled, but not unseen.
    assert True in outcomes
    events = list(Event.objects.order_by("id").values_list("new__status", flat=True))
    assert len(events) == outcomes.count(True)
    assert stored(booking)[0] == events[-1]


@pytest.mark.django_db(transaction=True)
def test_cancelled_by_eight_at_once_is_cancelled_once():
    booking = a_trip()

    def attempt(_number):
        try:
            return do(cancel, booking)
        except StaleBookingError:
            return "stale"
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))
    assert outcomes.count(True) == 1
    assert Event.objects.count() == 1
    assert stored(booking) == ("canceled", "canceled")
