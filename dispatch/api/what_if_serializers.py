"""“What if” in the API: what is asked (`WhatIfSerializer`), and what is answered."""

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from dispatch.runs.changes import VEHICLES_AT_MOST
from drivers.rest.fields import Body, DayField, TruthField, WholeField


def _minutes(most, least=0, **options):
    return WholeField(min_value=least, max_value=most, required=False, **options)


class PolicySerializer(Body):
    """Fields of the company that are different; null for no such limit, left out as they are."""

    pickup_early_min = _minutes(720)
    pickup_late_min = _minutes(720)
    return_late_min = _minutes(720)
    appointment_margin_min = _minutes(120)
    shares_rides = TruthField(required=False)
    ride_factor = serializers.FloatField(min_value=1, max_value=10, allow_null=True, required=False)
    ride_added_min = _minutes(720, allow_null=True)
    ride_longest_min = _minutes(720, least=1, allow_null=True)
    ride_cost_percent = _minutes(1000)


class VehiclesField(serializers.ListField):
    """Ids of vehicles."""

    def __init__(self, **options):
        child = WholeField(min_value=1)
        super().__init__(child=child, max_length=VEHICLES_AT_MOST, default=list, **options)


class WhatIfSerializer(Body):
    """What is to be different; one thing at least."""

    until = DayField(
        allow_null=True,
        default=None,
        help_text=gettext_lazy("The last of several days, 14 at most; null for one day."),
    )
    policy = PolicySerializer(default=dict)
    without = VehiclesField(
        help_text=gettext_lazy("Vehicles whose shifts are left out, with their drivers.")
    )
    more_like = VehiclesField(
        help_text=gettext_lazy(
            "Vehicles of which there is one more, with a driver of the same home and skills, in "
            "the same shifts."
        )
    )


class WaySerializer(serializers.Serializer):
    """The figures of a day, or of several, planned in one way.

    The ones that are null were not counted when that was asked.
    """

    placed = serializers.IntegerField(help_text=gettext_lazy("Trips with a driver."))
    left_out = serializers.IntegerField(help_text=gettext_lazy("Trips without one."))
    late = serializers.IntegerField(
        allow_null=True,
        help_text=gettext_lazy("Trips picked up later than what the company calls on time."),
    )
    late_min = serializers.IntegerField(
        allow_null=True,
        help_text=gettext_lazy("Minutes after the requested pickups, together."),
    )
    paid_h = serializers.FloatField(
        help_text=gettext_lazy("Hours of the shifts in which somebody is driven.")
    )
    placed_per_h = serializers.FloatField(help_text=gettext_lazy("Trips per paid hour."))
    driven_km = serializers.FloatField()
    empty_km = serializers.FloatField(help_text=gettext_lazy("With nobody on board."))
    empty_percent = serializers.FloatField(
        allow_null=True, help_text=gettext_lazy("With nobody on board, of the kilometres.")
    )
    vehicles = serializers.IntegerField(
        help_text=gettext_lazy("Vehicles used; of several days the most on one.")
    )
    shared = serializers.IntegerField(help_text=gettext_lazy("Trips that ride with others."))
    longer_min = serializers.FloatField(
        help_text=gettext_lazy("How much longer than direct clients ride, on average.")
    )
    longest_min = serializers.IntegerField(help_text=gettext_lazy("The same, at most."))


class ComparedSerializer(serializers.Serializer):
    """Days as their trips stood, planned again, and planned with the changes."""

    stood = WaySerializer(
        allow_null=True,
        help_text=gettext_lazy("By the planned times; null where nobody had a driver on a day."),
    )
    again = WaySerializer()
    changed = WaySerializer()


class ComparedDaySerializer(ComparedSerializer):
    """A day of a question."""

    day = serializers.DateField()


class ComparisonSerializer(serializers.Serializer):
    """What the changes would bring, by day and together."""

    days = ComparedDaySerializer(many=True)
    whole = ComparedSerializer()
