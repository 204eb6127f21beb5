"""The advice of a trip as the API says it, and the body that follows a suggestion."""

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from dispatch.trips.advice.suggestion import Change, Kind
from drivers.rest.fields import Body, MomentField, TextField, WholeField

DRIVING_HELP = gettext_lazy(
    "Where the drives come from: `straight_line`, `roads`, or `mixed` where the road "
    "server did not answer for all."
)
KINDS = [(kind.value, kind.name) for kind in Kind]


class ChangeSerializer(Body):
    """The change that a suggestion is. It is sent back as it was shown."""

    kind = serializers.ChoiceField(choices=KINDS)
    driver_id = WholeField(min_value=1)
    pickup_at = MomentField()
    other_id = WholeField(
        min_value=1, required=False, help_text=gettext_lazy("The booking that gives way.")
    )
    other_driver_id = WholeField(
        min_value=1, required=False, help_text=gettext_lazy("Who takes it; nobody without this.")
    )
    other_pickup_at = MomentField(required=False)
    wanted_at = MomentField(
        required=False, help_text=gettext_lazy("The time for which the client is asked.")
    )
    shift_id = WholeField(min_value=1, required=False)
    shift_start_at = MomentField(required=False)
    shift_end_at = MomentField(required=False)


class FollowSerializer(Body):
    """A suggestion as it was shown."""

    change = ChangeSerializer()
    key = TextField(
        max_length=64, help_text=gettext_lazy("If it is another one by now, nothing is done.")
    )

    def to_change(self, booking_id):
        """Return the change of the valid body."""
        values = dict(self.validated_data["change"])
        return Change(Kind(values.pop("kind")), booking_id, **values)


class MoveSerializer(serializers.Serializer):
    booking = serializers.IntegerField()
    trip = serializers.CharField()
    driver_before = serializers.CharField()
    pickup_before_at = MomentField()
    driver = serializers.CharField()
    pickup_at = MomentField()
    dropoff_at = MomentField()


class ShiftChangeSerializer(serializers.Serializer):
    shift = serializers.IntegerField()
    driver = serializers.CharField()
    start_at = MomentField()
    end_at = MomentField()


class ClientTimeSerializer(serializers.Serializer):
    wanted_before_at = MomentField()
    wanted_at = MomentField()


class ReleaseSerializer(serializers.Serializer):
    booking = serializers.IntegerField()
    trip = serializers.CharField()
    driver = serializers.CharField()


class BreakMoveSerializer(serializers.Serializer):
    driver = serializers.CharField()
    before_at = MomentField(allow_null=True)
    start_at = MomentField()


class ConsequencesSerializer(serializers.Serializer):
    """Everything that is written if the suggestion is followed, and nothing else is."""

    driver = serializers.IntegerField()
    pickup_at = MomentField()
    dropoff_at = MomentField()
    moves = MoveSerializer(
        many=True, help_text=gettext_lazy("Other trips with another driver or time.")
    )
    shift = ShiftChangeSerializer(allow_null=True)
    client = ClientTimeSerializer(allow_null=True)
    released = ReleaseSerializer(allow_null=True)
    breaks = BreakMoveSerializer(many=True)
    broken_rules = serializers.ListField(child=serializers.CharField())
    locked = serializers.BooleanField()


class SuggestionSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=KINDS, source="suggestion.kind.value")
    text = serializers.CharField()
    key = serializers.CharField(source="suggestion.key")
    change = serializers.SerializerMethodField()
    consequences = serializers.SerializerMethodField()

    @extend_schema_field(ChangeSerializer)
    def get_change(self, advised):
        values = advised.suggestion.change.as_dict()
        return {name: value for name, value in values.items() if name != "booking_id"}

    @extend_schema_field(ConsequencesSerializer)
    def get_consequences(self, advised):
        return advised.suggestion.consequences()


class AdviceSerializer(serializers.Serializer):
    """Why a trip has no driver, and what would help: each suggestion can be followed as it is."""

    happened = serializers.CharField(
        help_text=gettext_lazy("What the log says of it, if anything.")
    )
    reason = serializers.CharField(
        source="why.reason",
        allow_null=True,
        default=None,
        help_text=gettext_lazy("The code of the reason."),
    )
    detail = serializers.CharField(source="why.detail", allow_null=True, default=None)
    blockers = serializers.ListField(
        child=serializers.CharField(),
        source="why.blockers",
        default=list,
        help_text=gettext_lazy("What keeps the drivers who come closest from the trip."),
    )
    suggestions = SuggestionSerializer(many=True)
    vehicle = serializers.CharField(help_text=gettext_lazy("What one more vehicle would do."))
    driving = serializers.CharField(source="driving.by", help_text=DRIVING_HELP)
