from datetime import timedelta
from unittest import mock

from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.test import TestCase

from bookings.events import booking_changed, booking_created
from bookings.models import TRANSITIONS, Actor, Booking, Door, Event, Status
from bookings.save import (
    SettledBookingError,
    StaleBookingError,
    StatusRefusedError,
    save_booking,
)
from tests.support import builders
from tests.support.builders import NOW, at

LATER = NOW + timedelta(hours=1)


class BookingEventTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.booking = builders.booking(clock="09:00", reference="R-1")
        cls.actor = Actor(Door.API, name="Hospital portal")

    def test_creation_tells_every_value_but_the_empty_ones(self):
        event = booking_created(self.booking, actor=self.actor, now=NOW, reason="by phone")

        self.assertEqual(event.kind, Event.Kind.BOOKING_CREATED)
        self.assertEqual((event.actor, event.door, event.at), ("Hospital portal", Door.API, NOW))
        self.assertEqual((event.old, event.reason), ({}, "by phone"))
        self.assertEqual(event.new["reference"], "R-1")
        self.assertEqual(event.new["wheelchairs"], 0)
        for empty in ("notes", "client", "needs", "return_of", "appointment_at"):
            self.assertNotIn(empty, event.new)

    def test_times_are_told_in_utc(self):
        event = booking_created(self.booking, actor=self.actor, now=NOW)

        self.assertEqual(event.new["scheduled_time"], "2026-06-17T07:00:00Z")  # 09:00 at +2

    def test_change_tells_only_what_changed(self):
        changes = {"passengers": (1, 2), "appointment_at": (None, at("10:00"))}
        event = booking_changed(
            self.booking.company_id, self.booking.pk, changes, actor=self.actor, now=NOW
        )

        self.assertEqual(event.kind, Event.Kind.BOOKING_CHANGED)
        self.assertEqual(event.old, {"passengers": 1, "appointment_at": None})
        self.assertEqual(event.new, {"passengers": 2, "appointment_at": "2026-06-17T08:00:00Z"})

    def test_change_of_status_has_its_own_kind(self):
        changes = {"status": ("accepted", "canceled"), "cancel_reason": ("", "ill")}
        event = booking_changed(
            self.booking.company_id, self.booking.pk, changes, actor=self.actor, now=NOW
        )

        self.assertEqual(event.kind, Event.Kind.BOOKING_STATUS)
        self.assertEqual(event.new, {"status": "canceled", "cancel_reason": "ill"})

    def test_reason_longer_than_its_column_is_cut(self):
        event = booking_created(self.booking, actor=self.actor, now=NOW, reason="x" * 500)

        self.assertEqual(event.reason, "x" * 200)


class SaveBookingTests(TestCase):
    def setUp(self):
        self.user = builders.member()
        self.actor = Actor(Door.ADMIN, name="Nadia", user_id=self.user.pk)

    def save(self, booking, **fields):
        for name, value in fields.items():
            setattr(booking, name, value)
        return save_booking(booking, actor=self.actor, now=LATER, reason="by phone")

    def test_new_booking_is_saved_with_its_event(self):
        template = builders.booking()
        template.pk, template.reference, template._state.adding = None, "NEW", True

        event = self.save(template)

        booking = Booking.objects.get(reference="NEW")
        self.assertEqual(Event.objects.get(), event)
        self.assertEqual((event.booking, event.user), (booking, self.user))

    def test_new_booking_cannot_begin_in_the_middle(self):
        booking = Booking(company=builders.company("lausanne"), status=Status.ASSIGNED)

        with self.assertRaisesMessage(StatusRefusedError, "assigned"):
            self.save(booking)

    def test_change_writes_the_fields_the_version_and_the_event(self):
        booking = builders.booking()

        event = self.save(booking, passengers=3, notes="with two children")

        stored = Booking.objects.get()
        self.assertEqual((stored.passengers, stored.notes), (3, "with two children"))
        self.assertEqual(stored.version, 2)
        self.assertEqual(event.old, {"passengers": 1, "notes": ""})
        self.assertEqual(Event.objects.get().new, {"passengers": 3, "notes": "with two children"})

    def test_nothing_is_written_when_nothing_differs(self):
        booking = builders.booking()

        self.assertIsNone(self.save(booking))

        self.assertEqual(Booking.objects.get().version, 1)
        self.assertFalse(Event.objects.exists())

    def test_change_of_a_booking_that_changed_meanwhile_is_refused(self):
        booking = builders.booking()
        self.save(Booking.objects.get(), passengers=2)

        with self.assertRaises(StaleBookingError):
            self.save(booking, passengers=4)

        self.assertEqual(Booking.objects.get().passengers, 2)

    def test_booking_under_way_keeps_its_particulars(self):
        for status in (Status.EN_ROUTE, Status.COMPLETED, Status.CANCELED):
            with self.subTest(status=status):
                booking = builders.booking(status=status)
                with self.assertRaises(SettledBookingError):
                    self.save(booking, pickup_lat=46.3)

    def test_booking_under_way_may_be_noted_and_moved_on(self):
        booking = builders.booking(status=Status.IN_PROGRESS)

        self.save(booking, status=Status.COMPLETED, notes="left a scarf in the car")

        self.assertEqual(Booking.objects.get().status, Status.COMPLETED)

    def test_only_the_listed_transitions_are_possible(self):
        for old in Status:
            for new in Status:
                if old == new:
                    continue
                booking = builders.booking(status=old)
                with self.subTest(old=old, new=new):
                    # What has a driver loses it by a use-case of its own.
                    if new in TRANSITIONS[old] and old != Status.ASSIGNED:
                        self.assertEqual(self.save(booking, status=new).new, {"status": new})
                    else:
                        with self.assertRaises(StatusRefusedError):
                            self.save(booking, status=new)

    def test_nonsense_is_refused_with_its_field(self):
        booking = builders.booking()

        with self.assertRaises(ValidationError) as caught:
            self.save(booking, pickup_lat=95)

        self.assertIn("pickup_lat", caught.exception.message_dict)

    def test_booking_stays_with_its_company(self):
        booking = builders.booking()

        with self.assertRaises(ValidationError):
            self.save(booking, company=builders.company("lausanne"))

    def test_client_of_another_company_is_refused(self):
        booking = builders.booking()
        stranger = builders.client(builders.company("lausanne"))

        with self.assertRaises(ValidationError) as caught:
            self.save(booking, client=stranger)

        self.assertIn("client", caught.exception.message_dict)

    def test_change_without_its_event_is_no_change(self):
        booking = builders.booking()

        with (
            mock.patch.object(Event.objects, "bulk_create", side_effect=DatabaseError),
            self.assertRaises(DatabaseError),
        ):
            self.save(booking, passengers=2)

        self.assertEqual(Booking.objects.get().passengers, 1)
