"""Request bodies shared by several endpoints."""

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from dispatch.trips.assign import Lock
from dispatch.trips.will_calls import READY_WITHIN_MIN
from drivers.rest.fields import Body, DayField, MomentField, TextField, TruthField, WholeField


class ReasonSerializer(Body):
    reason = TextField(max_length=200, allow_blank=True, default="")


class CorrectSerializer(Body):
    reason = TextField(max_length=200, help_text=gettext_lazy("Recorded in the log."))


class UndoSerializer(Body):
    day = DayField()
    action = WholeField(
        min_value=1,
        help_text=gettext_lazy("The id of the action's last event: what you saw of it."),
    )


class ReadySerializer(ReasonSerializer):
    minutes = WholeField(
        min_value=0,
        max_value=READY_WITHIN_MIN,
        default=0,
        help_text=gettext_lazy("Minutes from now; 0 by default."),
    )
    anyway = TruthField(
        default=False,
        help_text=gettext_lazy("Also if the outbound trip has not arrived by then."),
    )


class AssignSerializer(Body):
    driver = WholeField(min_value=1)
    pickup_at = MomentField(required=False)
    override = TextField(
        max_length=200,
        allow_blank=True,
        default="",
        help_text=gettext_lazy("Reason for breaking a rule; recorded in the log."),
    )
    lock = serializers.ChoiceField(
        choices=list(Lock),
        required=False,
        help_text=gettext_lazy(
            "Moves a locked trip, which is refused without: `keep` leaves it locked, `drop` "
            "unlocks it. A trip that breaks a rule is locked in any case."
        ),
    )


class HappenedSerializer(ReasonSerializer):
    at = MomentField(required=False, help_text=gettext_lazy("When it happened; now by default."))


class ProgressSerializer(HappenedSerializer):
    status = serializers.ChoiceField(
        choices=["assigned", "en_route", "in_progress", "completed", "no_show"]
    )
