"""Whatever a use-case refuses, every door answers it with its sentence and its status."""

import html
import json
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from bookings.models import Booking
from dispatch.board.trip_views import ACTIONS
from dispatch.tasks import work_run
from dispatchsite import command_line
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.pages import shown_fields
from tests.support.refusals import every_refusal

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.any_database]


class UseCase:
    """Refuses whatever it is asked, with one refusal of each class in turn."""

    def __call__(self, *args, **kwargs):
        raise self.refusal

    def refusals(self):
        for self.refusal in every_refusal():
            yield self.refusal


@pytest.fixture
def refusing():
    return UseCase()


def office(role=Role.DISPATCHER, *, is_superuser=False, **headers):
    browser = Client(headers=headers)
    browser.force_login(make.member(role=role, is_superuser=is_superuser))
    return browser


def board():
    return office(**{"HX-Request": "true"})


def assert_page(answer, refusal):
    """The page has the sentence, the admin's frame around it, and the status."""
    text = html.unescape(answer.content.decode())
    assert answer.status_code == refusal.status, repr(refusal)
    assert str(refusal) in text, repr(refusal)
    assert 'id="nav-sidebar' in text, repr(refusal)


def assert_toast(answer, refusal):
    assert answer.status_code == refusal.status, repr(refusal)
    assert json.loads(answer["HX-Trigger"])["board:toast"]["text"] == str(refusal)


def test_the_api(refusing, monkeypatch):
    monkeypatch.setattr("dispatch.trips.decisions.accept", refusing)
    api, booking = caller(), make.booking()
    for refusal in refusing.refusals():
        answer = api.post(f"{API}bookings/{booking.pk}/accept/", {})
        problem = answer.json()
        assert answer.status_code == problem.pop("status") == refusal.status, repr(refusal)
        assert problem.pop("title")
        assert problem == {
            "type": f"urn:dispatchsite:problem:{refusal.code}",
            "detail": str(refusal),
            **refusal.members(),
        }
        assert ("Retry-After" in answer) == (refusal.status == 503)


def test_a_button_of_a_trip_on_the_board(refusing, monkeypatch):
    me, booking = board(), make.booking()
    monkeypatch.setitem(ACTIONS, "accept", (refusing, {"version"}, "Accepted."))
    url = reverse("admin:board:change", args=["geneva", booking.pk])
    values = {"action": "accept", "version": booking.version, "assignment": 0}
    for refusal in refusing.refusals():
        answer = me.post(url, values)
        if "HX-Retarget" not in answer:  # there is no trip, or the form has to stay
            assert_toast(answer, refusal)
            continue
        assert answer.status_code == refusal.status, repr(refusal)
        assert "Nothing was changed." in answer.content.decode()
        assert str(refusal) in html.unescape(answer.content.decode())


def test_a_button_of_a_run_on_the_board(refusing, monkeypatch):
    monkeypatch.setattr("dispatch.board.run_views.discard_preview", refusing)
    me, run = board(), make.run(status="failed")
    for refusal in refusing.refusals():
        answer = me.post(reverse("admin:board:discard", args=["geneva", run.pk]))
        assert answer.status_code == refusal.status, repr(refusal)
        assert answer["HX-Retarget"] == "#panel-body"
        assert str(refusal) in html.unescape(answer.content.decode())


def test_the_toolbar_of_the_board(refusing, monkeypatch):
    monkeypatch.setattr("dispatch.board.run_views.start_dispatch", refusing)
    me = board()
    make.shift(make.driver())
    make.booking()
    for refusal in refusing.refusals():
        assert_toast(me.post(reverse("admin:board:plan", args=["geneva", make.DAY])), refusal)


def test_a_page_of_the_board(refusing, monkeypatch):
    monkeypatch.setattr("dispatch.board.views.read_manifest", refusing)
    me = office()
    for refusal in refusing.refusals():
        url = reverse("admin:board:manifests", args=["geneva", make.DAY])
        assert_page(me.get(url), refusal)


def test_a_page_of_the_admin(refusing, monkeypatch):
    monkeypatch.setattr("dispatch.admin.runs.revert_run", refusing)
    me, run = office(), make.run(status="completed")
    for refusal in refusing.refusals():
        url = reverse("admin:dispatch_dispatchrun_revert", args=[run.pk])
        assert_page(me.post(url), refusal)


def test_a_page_with_a_form(refusing, monkeypatch):
    monkeypatch.setattr("dispatch.admin.bookings.cancel_trips", refusing)
    me, booking = office(), make.booking()
    url = reverse("admin:bookings_booking_cancel", args=[booking.pk])
    form = {"code": "unwell", "note": "Typed.", "trip": f"{booking.pk}-{booking.version}"}
    for refusal in refusing.refusals():
        answer = me.post(url, form)
        assert_page(answer, refusal)
        assert b"Typed." in answer.content


def test_an_action_of_a_list(refusing, monkeypatch):
    monkeypatch.setattr("bookings.admin.bookings.accept_all", refusing)
    me, booking = office(), make.booking()
    action = {"action": "accept", "_selected_action": [booking.pk]}
    for refusal in refusing.refusals():
        answer = me.post(reverse("admin:bookings_booking_changelist") + "?day=all", action)
        assert_page(answer, refusal)


def test_the_form_of_a_row(refusing, monkeypatch):
    monkeypatch.setattr("bookings.admin.bookings.save_booking", refusing)
    me, booking = office(), make.booking()
    url = reverse("admin:bookings_booking_change", args=[booking.pk])
    form = shown_fields(me.get(url)) | {"notes": "Typed."}
    for refusal in refusing.refusals():
        answer = me.post(url, form)
        assert_page(answer, refusal)
        assert b"Typed." in answer.content
    assert Booking.objects.get().notes == ""


def test_the_form_of_a_new_row(refusing, monkeypatch):
    monkeypatch.setattr("drivers.admin.members.add_member", refusing)
    me = office(Role.OWNER, is_superuser=True)
    form = {"company": make.Company.objects.get().pk, "username": "anna", "role": "viewer"}
    for refusal in refusing.refusals():
        answer = me.post(reverse("admin:drivers_membership_add"), form)
        assert_page(answer, refusal)
        assert b'value="anna"' in answer.content


def test_the_deletion_of_a_row(refusing, monkeypatch):
    monkeypatch.setattr("drivers.admin.members.remove_member", refusing)
    me, other = office(Role.OWNER), make.member().memberships.get()
    url = reverse("admin:drivers_membership_delete", args=[other.pk])
    for refusal in refusing.refusals():
        assert_page(me.post(url, {"post": "yes"}), refusal)


def test_a_command(refusing, monkeypatch, capsys):
    make.company()
    monkeypatch.setattr("dispatch.management.commands.dispatch_day.run_dispatch", refusing)
    # A command closes the connections at its end, and with them the transaction of the test.
    left_open = SimpleNamespace(close_all=lambda: None)
    monkeypatch.setattr("django.core.management.base.connections", left_open)
    command = ["manage.py", "dispatch_day", "--company", "geneva", "--date", str(make.DAY)]
    for refusal in refusing.refusals():
        with pytest.raises(SystemExit) as ended:
            command_line.run(command)
        assert ended.value.code == 1
        assert capsys.readouterr().err == f"{refusal}\n"
        with pytest.raises(type(refusal)):
            command_line.run([*command, "--traceback"])


def test_a_worker_of_a_queue(refusing, monkeypatch):
    """The run says why it failed; the worker goes on to the next."""
    monkeypatch.setattr("dispatch.tasks.take_turn", lambda line: line)
    monkeypatch.setattr("dispatch.tasks.wake_next", lambda line: None)
    monkeypatch.setattr("dispatch.tasks.work", refusing)
    for _refusal in refusing.refusals():
        work_run(1)
