"""What a period was like, in the API: the same figures as the page of reports."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from bookings.api.roles import READERS
from dispatch.day.travel_times import whence
from dispatch.reports.read import (
    By,
    Period,
    PeriodRefused,
    days_left,
    facts,
    has_vehicles,
    read_groups,
)
from dispatch.reports.refresh import refresh
from drivers.models import Customer
from drivers.rest.access import caller_of
from drivers.rest.fields import LARGEST_ID, parse_day, parse_whole
from drivers.rest.schema import whole
from drivers.rest.views import Door

DAY = timedelta(days=1)
STEPS = 1  # months of changed days that are counted before the answer


class FiguresPartSerializer(serializers.Serializer):
    """Figures of a part of the period; those of vehicles not by hour, by customer, of one."""

    key = serializers.CharField(
        help_text=gettext_lazy(
            "The first day, the number of the weekday (0 is Monday) or hour, or the id."
        )
    )
    name = serializers.CharField()
    figures = serializers.DictField(
        child=serializers.FloatField(allow_null=True),
        help_text=gettext_lazy("Counts, kilometres, minutes, hours and percent, by their names."),
    )


@extend_schema_serializer(many=False)
class FiguresSerializer(serializers.Serializer):
    by = serializers.ChoiceField(choices=[by.value for by in By])
    driving = serializers.CharField(
        help_text=gettext_lazy(
            "Where kilometres come from: `roads`, or `straight_line` where no road server is set."
        )
    )
    days_left = serializers.IntegerField(
        help_text=gettext_lazy(
            "Days of the period that have changed and are not counted again yet."
        )
    )
    results = FiguresPartSerializer(many=True)


class ReportViewSet(Door, viewsets.ViewSet):
    """What a period was like, by day, week, month, weekday, hour, customer or driver.

    Parts in which nothing happened are left out.

    A client system reads the figures of its customer: not by customer or driver, nothing of
    vehicles and hours.
    """

    roles = {"read": READERS}
    params = {"list": ["from", "until", "by", "customer"]}
    serializer_class = FiguresSerializer

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "from",
                {"type": "string", "format": "date"},
                required=True,
                description="The first day.",
            ),
            OpenApiParameter(
                "until",
                {"type": "string", "format": "date"},
                required=True,
                description="The day after the last one, at most three years later.",
            ),
            OpenApiParameter(
                "by",
                {"type": "string", "enum": [by.value for by in By], "default": By.DAY.value},
                description="What the figures are told apart by.",
            ),
            OpenApiParameter(
                "customer",
                whole(1, LARGEST_ID),
                description="Only the figures of this customer.",
            ),
        ],
        responses=FiguresSerializer,
    )
    def list(self, request, *args, **kwargs):
        asked, caller = request.query_params, caller_of(request)
        period, by, customer = _period(asked), _by(asked), _customer(asked, caller)
        refresh(caller.company, now=timezone.now(), steps=STEPS)
        groups = read_groups(caller.company, period, by, customer)
        results = [
            {
                "key": str(group.key),
                "name": group.name,
                "figures": facts(group.figures, without_vehicles=not has_vehicles(by, customer)),
            }
            for group in groups
            if any(group.figures.counts.values())
        ]
        return Response(
            {
                "by": by,
                "driving": whence(caller.company),
                "days_left": days_left(caller.company, period),
                "results": results,
            }
        )


def _period(asked):
    """Return the days from `from` to the one before `until`. Raises PeriodRefused."""
    days = {}
    for name in ("from", "until"):
        if name not in asked:
            raise ValidationError({name: [_("Give this parameter a value.")]})
        days[name] = parse_day(asked[name], name)
    if days["until"] <= days["from"]:
        raise PeriodRefused(_("“until” must be after “from”: it is the day after the last one."))
    return Period(days["from"], days["until"] - DAY).checked()


def _by(asked):
    text = asked.get("by", By.DAY.value)
    if text not in list(By):
        known = ", ".join(by.value for by in By)
        raise ValidationError({"by": [_("Unknown; known: %(known)s.") % {"known": known}]})
    return By(text)


def _customer(asked, caller):
    """Return the customer of the figures: a client system's own, whatever it asks for."""
    if "customer" not in asked:
        return caller.customer
    pk = parse_whole(asked["customer"], "customer", 1, LARGEST_ID)
    if caller.customer:
        found = caller.customer if caller.customer.pk == pk else None
    else:
        found = Customer.objects.filter(company=caller.company, pk=pk).first()
    if found is None:
        raise ValidationError({"customer": [_("This customer does not exist.")]})
    return found
