"""Validate the requests of the board's actions. Clock times are local to the company."""

from datetime import timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from bookings import cancel_reasons
from bookings.parsing import NOTES_AT_MOST
from dispatch.board.responses import BadInput
from dispatch.trips.advice.suggestion import Kind
from dispatch.trips.assign import Lock
from dispatch.trips.new_times import Appointment
from drivers.admin.fields import ClockField, moment_on
from drivers.times import moment_of


class MomentField(forms.Field):
    """An ISO 8601 date and time with its offset."""

    def to_python(self, value):
        if not value:
            return None
        try:
            return moment_of(value)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class LockField(forms.TypedChoiceField):
    """What becomes of the lock of a locked trip: None unless the person was asked."""

    def __init__(self):
        choices = [("", ""), *((str(lock), str(lock)) for lock in Lock)]
        super().__init__(choices=choices, coerce=Lock, empty_value=None, required=False)


class PreviewForm(forms.Form):
    driver = forms.IntegerField(label=_("Driver"), min_value=1, max_value=2**63 - 1)
    clock = ClockField(label=_("Pickup at"), required=False)
    pickup_at = MomentField(required=False)


class AssignForm(forms.Form):
    driver = forms.IntegerField(label=_("Driver"), min_value=1, max_value=2**63 - 1)
    assignment = forms.IntegerField(min_value=0, max_value=2**63 - 1)
    pickup_at = MomentField(required=False)
    override = forms.CharField(label=_("Reason"), max_length=200, required=False)
    lock = LockField()


class SwapForm(forms.Form):
    other = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    assignment = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    other_assignment = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    override = forms.CharField(label=_("Reason"), max_length=200, required=False)
    lock = LockField()


class OtherForm(forms.Form):
    other = forms.IntegerField(min_value=1, max_value=2**63 - 1)


class SuggestionForm(forms.Form):
    """The change that a suggestion is; the fields are those of `trips.advice.suggestion.Change`."""

    kind = forms.TypedChoiceField(choices=[(kind, kind) for kind in Kind], coerce=Kind)
    driver_id = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    pickup_at = MomentField()
    other_id = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    other_driver_id = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    other_pickup_at = MomentField(required=False)
    wanted_at = MomentField(required=False)
    shift_id = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    shift_start_at = MomentField(required=False)
    shift_end_at = MomentField(required=False)


class FollowForm(SuggestionForm):
    """The suggestion with the key that it was shown with."""

    key = forms.CharField(max_length=64)


class ChangeForm(forms.Form):
    """`action` is one of `trip_views.ACTIONS`; `clock` is when it happened, now by default.

    `anyway` confirms what the action asked about.
    """

    action = forms.CharField()
    version = forms.IntegerField(min_value=1, max_value=2**31 - 1)
    assignment = forms.IntegerField(min_value=0, max_value=2**63 - 1)
    clock = ClockField(label=_("Time it happened"), required=False)
    code = forms.ChoiceField(
        label=_("Reason"), choices=[("", ""), *cancel_reasons.Reason.choices], required=False
    )
    note = forms.CharField(label=_("Note"), max_length=150, required=False)
    anyway = forms.BooleanField(required=False)


class UndoForm(forms.Form):
    action = forms.IntegerField(min_value=1, max_value=2**63 - 1)


class PartForm(forms.Form):
    """What of a preview is applied: all without either."""

    placements = forms.BooleanField(required=False)
    driver = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class NewTimeForm(forms.Form):
    """Around which time to look, and what becomes of the appointment."""

    clock = ClockField(label=_("Around"), required=False)
    appointment = forms.ChoiceField(
        label=_("Appointment"), choices=[(str(what), what) for what in Appointment], required=False
    )

    def clean_appointment(self):
        chosen = self.cleaned_data["appointment"]
        return Appointment(chosen) if chosen else None


class AgreeForm(NewTimeForm):
    """One of the times that were offered."""

    version = forms.IntegerField(min_value=1, max_value=2**31 - 1)
    driver = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    pickup_at = MomentField()
    lock = LockField()


class EditForm(forms.Form):
    """The times, places and notes of a trip; an empty address stays as it is.

    A place that was chosen from the search has its latitude and longitude.
    `move` or `release` is the assignment that may change for it, `overlap_meant` has the ids of the
    client's trips at the same time that are meant.
    """

    version = forms.IntegerField(min_value=1, max_value=2**31 - 1)
    clock = ClockField(label=_("Pickup at"))
    appointment = ClockField(label=_("Appointment at"), required=False)
    pickup_address = forms.CharField(label=_("From"), max_length=200, required=False)
    pickup_lat = forms.FloatField(min_value=-90, max_value=90, required=False)
    pickup_lon = forms.FloatField(min_value=-180, max_value=180, required=False)
    dropoff_address = forms.CharField(label=_("To"), max_length=200, required=False)
    dropoff_lat = forms.FloatField(min_value=-90, max_value=90, required=False)
    dropoff_lon = forms.FloatField(min_value=-180, max_value=180, required=False)
    notes = forms.CharField(label=_("Notes"), max_length=NOTES_AT_MOST, required=False)
    overlap_meant = forms.CharField(max_length=200, required=False)
    move = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    release = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class SickForm(forms.Form):
    note = forms.CharField(label=_("Note"), max_length=150, required=False)


def on_day(company, day, clock):
    """Return a clock time on a local day, as a moment.

    Raises BadInput for one that is twice on the day, or is skipped.
    """
    try:
        return moment_on(day, clock, company.zone)
    except forms.ValidationError as error:
        raise BadInput(" ".join(error.messages)) from None


def last_time(company, now, clock):
    """Return the last moment with this clock time; it may be up to 5 minutes ahead.

    Raises BadInput as `on_day`.
    """
    today = company.local(now).date()
    at = on_day(company, today, clock)
    if at <= now + timedelta(minutes=5):
        return at
    return on_day(company, today - timedelta(days=1), clock)
