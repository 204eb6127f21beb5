"""Quote a trip: the drivers who could take it, when, and at what price."""

from dataclasses import replace

from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from bookings.api.serializers import BookingSerializer, require_relations
from bookings.models import Booking, Status
from dispatch.trips.advice.advise import quote
from dispatch.trips.candidates import Policy
from drivers.models import FAR_MEANT
from drivers.rest.access import CLIENTS, PLANNERS, caller_of
from drivers.rest.fields import MomentField, read_body
from drivers.rest.views import Door


class PolicySerializer(serializers.Serializer):
    """A part of the difference in the objective that is no driving."""

    what = serializers.ChoiceField(choices=[policy.value for policy in Policy])
    seconds = serializers.IntegerField()

    def to_representation(self, instance):
        what, seconds = instance
        return {"what": str(what), "seconds": seconds}


@extend_schema_serializer(component_name="Place")  # the name in the published schema
class CandidateSerializer(serializers.Serializer):
    driver = serializers.IntegerField(source="driver_id")
    name = serializers.CharField(source="driver")
    pickup_at = MomentField()
    dropoff_at = MomentField()
    detour_s = serializers.IntegerField(help_text=gettext_lazy("Extra seconds of empty driving."))
    price_s = serializers.IntegerField(
        help_text=gettext_lazy(
            "What the trip adds to the objective with this driver, in seconds: driving and policy."
        )
    )
    extra_s = serializers.IntegerField(
        help_text=gettext_lazy(
            "Empty driving more than as the day stands, with the trip at its present driver."
        )
    )
    extra_m = serializers.IntegerField(help_text=gettext_lazy("The same in metres."))
    policy = PolicySerializer(
        many=True, help_text=gettext_lazy("What the objective counts besides driving.")
    )
    present = serializers.BooleanField(help_text=gettext_lazy("Whether this driver has the trip."))


class NoPlaceSerializer(serializers.Serializer):
    """Why no driver could take a trip, in the language of the request.

    `blockers` and `suggestion` are for who may plan: they can name other trips.
    """

    reason = serializers.CharField(help_text=gettext_lazy("The code of the reason."))
    detail = serializers.CharField()
    blockers = serializers.ListField(
        child=serializers.CharField(),
        help_text=gettext_lazy("What keeps the drivers who come closest from the trip."),
    )
    suggestion = serializers.CharField(
        allow_null=True, help_text=gettext_lazy("What would help, if anything simple does.")
    )


@extend_schema_serializer(component_name="Places")
class CandidatesSerializer(serializers.Serializer):
    results = CandidateSerializer(many=True, source="candidates")
    why = NoPlaceSerializer(allow_null=True, help_text=gettext_lazy("If there are no results."))
    driving = serializers.CharField(
        help_text=gettext_lazy(
            "Where the drives come from: `straight_line`, `roads`, or `mixed` where the road "
            "server did not answer for all."
        )
    )


class QuoteViewSet(Door, viewsets.ViewSet):
    """Quote a trip: which drivers could take it, and when. Nothing is stored."""

    roles = {"create": PLANNERS | CLIENTS}
    serializer_class = BookingSerializer

    @extend_schema(request=BookingSerializer, responses={200: CandidatesSerializer})
    def create(self, request, *args, **kwargs):
        values = dict(read_body(BookingSerializer, request))
        values.pop(FAR_MEANT, None)  # nothing is stored, so nothing is asked
        company = caller_of(request).company
        require_relations(company, values)
        relations = {f"{name}_id": values.pop(name, None) for name in ("client", "return_of")}
        booking = Booking(status=Status.ACCEPTED, **values, **relations)
        advice = quote(company, booking, now=timezone.now())
        if advice.why and caller_of(request).role not in PLANNERS:
            # They name trips of other clients.
            advice = replace(advice, why=replace(advice.why, blockers=(), suggestion=None))
        return Response(CandidatesSerializer(advice).data)
