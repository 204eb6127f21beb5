"""Loops are found, reads and writes, and the fix names the right place."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.urls import path
from zeal import NPlusOneError

from bookings.models import Booking, Client, Event
from dispatch.models import Assignment
from drivers.models import Driver
from perf.recording.finding import DUPLICATES, READS, WRITES
from perf.recording.record import record_queries
from perf.recording.repeated import find_loops
from tests.support import builders as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def bookings():
    return [make.booking(client=make.client(), clock=f"{8 + i}:00") for i in range(4)]


def the_loop(q):
    [loop] = find_loops(q)
    return loop


def test_a_foreign_key_in_a_loop_wants_select_related(bookings):
    with record_queries() as q:
        for booking in Booking.objects.order_by("id"):
            assert booking.client.name
    loop = the_loop(q)
    assert (loop.kind, loop.count) == (READS, 4)
    assert "select_related(“client”) to the Booking queryset" in loop.cure
    assert loop.sites[0].file == "tests/perf/recording/test_repeated.py"


def test_rows_that_lead_to_one_want_select_related_too(bookings):
    with record_queries(watch_rows=True) as q:
        for booking in Booking.objects.order_by("id"):
            assert booking.company.slug
    loop = the_loop(q)
    assert (loop.kind, loop.count) == (DUPLICATES, 4)
    assert "select_related(“company”) to the Booking queryset" in loop.cure


def test_the_inner_of_two_loops_is_one_loop_however_few_rows_each_round_has(bookings):
    drivers = [make.driver() for _booking in bookings]
    for booking, driver in zip(bookings, drivers, strict=True):
        make.assignment(booking, driver)
    with record_queries(watch_rows=True) as q:
        for booking in Booking.objects.order_by("id"):
            for trip in booking.assignments.all():
                assert trip.driver.name
    inner, outer = sorted(find_loops(q), key=lambda loop: "prefetch" in loop.cure)
    assert (inner.kind, inner.count) == (READS, 4)
    assert "select_related(“driver”) to the Assignment queryset" in inner.cure
    assert (outer.kind, outer.count) == (READS, 4)
    assert "prefetch_related(“assignments”) to the Booking queryset" in outer.cure
    assert "filter in Python" not in outer.cure  # nothing is filtered


def test_reading_some_columns_of_a_relation_in_a_loop_is_no_mere_prefetch(bookings):
    with record_queries(watch_rows=True) as q:
        for booking in Booking.objects.order_by("id"):
            list(booking.assignments.values_list("id", "driver"))
    [loop] = find_loops(q)
    assert "prefetch_related(“assignments”) to the Booking queryset" in loop.cure
    assert "filter in Python or with Prefetch(queryset=…)" in loop.cure


def test_an_inner_loop_that_leads_to_few_rows_is_not_told_row_by_row(bookings):
    driver = make.driver()
    for booking in bookings[:2]:
        make.assignment(booking, driver)
    other = make.driver()
    for booking in bookings[2:]:
        make.assignment(booking, other)
    with record_queries(watch_rows=True) as q:
        for booking in Booking.objects.order_by("id"):
            for trip in booking.assignments.all():
                assert trip.driver.name
    assert [loop.kind for loop in find_loops(q)] == [READS, READS]


def test_select_related_is_no_loop(bookings):
    with record_queries() as q:
        for booking in Booking.objects.select_related("client").order_by("id"):
            assert booking.client.name
    assert find_loops(q) == []


def test_a_reverse_relation_in_a_loop_wants_prefetch_related(bookings):
    with record_queries() as q:
        for booking in bookings:
            list(booking.assignments.all())
    assert "prefetch_related(“assignments”) to the Booking queryset" in the_loop(q).cure


def test_exists_and_count_in_loops_want_an_annotation(bookings):
    with record_queries() as q:
        for booking in bookings:
            Assignment.objects.filter(booking=booking).exists()
    assert "Exists(Assignment.objects" in the_loop(q).cure
    with record_queries() as q:
        for booking in bookings:
            booking.events.count()
    loop = the_loop(q)
    assert "annotate(Count" in loop.cure
    assert Event.__name__ in loop.cure


def test_reading_by_key_in_a_loop_wants_in_bulk(bookings):
    with record_queries() as q:
        for booking in bookings:
            Client.objects.get(id=booking.client_id)
    assert "Client.objects.in_bulk(ids)" in the_loop(q).cure


def test_saving_in_a_loop_wants_one_write(bookings):
    with record_queries() as q:
        for number, booking in enumerate(bookings):
            booking.notes = f"note {number}"
            booking.save()
    loop = the_loop(q)
    assert (loop.kind, loop.count) == (WRITES, 4)
    assert "Booking.objects.bulk_update" in loop.cure


def test_the_same_update_in_a_loop_wants_update(bookings):
    with record_queries() as q:
        for booking in bookings:
            Booking.objects.filter(id=booking.id).update(notes="x")
    assert "Booking.objects.filter(id__in=ids).update" in the_loop(q).cure


def test_creating_in_a_loop_wants_bulk_create():
    company = make.company()
    with record_queries() as q:
        for i in range(3):
            Client.objects.create(company=company, name=str(i))
    loop = the_loop(q)
    assert (loop.kind, loop.count) == (WRITES, 3)
    assert "Client.objects.bulk_create(rows)" in loop.cure


def test_adding_to_a_relation_in_a_loop_wants_one_add(django_user_model):
    user = django_user_model.objects.create(username="u")
    groups = [Group.objects.create(name=str(i)) for i in range(3)]
    with record_queries() as q:
        for group in groups:
            user.groups.add(group)
    cure = next(loop.cure for loop in find_loops(q) if loop.kind == WRITES)
    assert "collect the rows and add(*rows) once, or User.groups.through.objects" in cure


def test_deleting_in_a_loop_wants_one_delete():
    clients = [make.client() for _i in range(3)]
    with record_queries() as q:
        for client in clients:
            Client.objects.filter(id=client.id)._raw_delete("default")
    assert "Client.objects.filter(id__in=ids).delete()" in the_loop(q).cure


def test_the_same_question_twice_is_a_duplicate():
    company = make.company()
    with record_queries() as q:
        for _i in range(2):
            list(Driver.objects.filter(company=company))
    loop = the_loop(q)
    assert (loop.kind, loop.count) == (DUPLICATES, 2)
    assert "Keep the result" in loop.cure


def test_chunks_of_a_bulk_are_no_loop():
    owner = {"company": (company := make.company()), "customer": company.default_customer}
    with record_queries() as q:
        Client.objects.bulk_create([Client(**owner, name=str(i)) for i in range(50)], batch_size=10)
        ids = list(Client.objects.values_list("id", flat=True))
        for start in range(0, 50, 10):
            list(Client.objects.filter(id__in=ids[start : start + 10]))
    assert len(q) == 11
    assert find_loops(q) == []


def test_a_column_of_the_admins_list_names_the_model_admin(bookings, rf, admin_user):
    page = ClientsOfBookings(Booking, admin.AdminSite())
    request = rf.get("/")
    request.user = admin_user
    with record_queries() as q:
        response = page.changelist_view(request)
        response.render()
    [loop] = [c for c in find_loops(q) if c.kind == READS]  # the admin counts twice itself
    assert loop.cure == (f"Add “client” to list_select_related of {__name__}.ClientsOfBookings.")
    assert loop.place == f"{__name__}.ClientsOfBookings.list_display[client]"


class ClientsOfBookings(admin.ModelAdmin):
    list_display = ["reference", "client"]

    def get_queryset(self, request):
        # A nullable relation, which the admin does not join by itself.
        return super().get_queryset(request).select_related(None)


def test_a_serializers_field_names_the_serializer(bookings):
    from rest_framework import serializers

    class BookingSerializer(serializers.ModelSerializer):
        who = serializers.CharField(source="client.name")

        class Meta:
            model = Booking
            fields = ["reference", "who"]

    with record_queries() as q:
        assert len(BookingSerializer(Booking.objects.order_by("id"), many=True).data) == 4
    loop = the_loop(q)
    assert "BookingSerializer" in loop.cure
    assert "select_related(“client”)" in loop.cure


def test_findings_hold_no_values(bookings):
    with record_queries() as q:
        for booking in bookings:
            Client.objects.get(name=booking.client.name)
    for loop in find_loops(q):
        assert "Client 1" not in str(loop.as_dict())


def looping_view(request):
    return HttpResponse(str([b.client.name for b in Booking.objects.order_by("id")]))


urlpatterns = [path("loop/", looping_view)]


def test_a_request_with_a_loop_fails_in_tests(bookings, client, settings):
    settings.ROOT_URLCONF = "tests.perf.recording.test_repeated"
    with pytest.raises(NPlusOneError, match=r"bookings\.Booking\.client"):
        client.get("/loop/")


def sent_to_another(statements):
    """Let the statements have been sent to another database."""
    for statement in statements:
        statement.alias = "archive"


def test_one_loop_over_two_databases_is_two(bookings):
    with record_queries(watch_rows=True) as q:
        for _database in ("default", "archive"):
            for booking in Booking.objects.order_by("id"):
                assert booking.client.name
    sent_to_another(q.statements[5:])  # the bookings of the second, and four clients
    here, there = sorted(find_loops(q), key=lambda loop: "archive" in loop.what)
    assert (here.what, here.count) == ("a loop sends 4 statements.", 4)
    assert (there.what, there.count) == (f"{here.what} The database is “archive”.", 4)


def test_reads_and_writes_that_take_turns_between_two_databases_are_two_loops(bookings):
    with record_queries() as q:
        for booking in bookings:
            Client.objects.filter(pk=booking.client_id).first()
            Client.objects.filter(pk=booking.client_id).update(phone="1")
    assert len(find_loops(q)) == 1
    sent_to_another(statement for statement in q if statement.is_write)
    assert sorted(loop.kind for loop in find_loops(q)) == [READS, WRITES]
