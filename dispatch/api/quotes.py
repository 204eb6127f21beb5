"""Quote a trip: the drivers who could take it, when, and at what price."""

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from bookings.api.owners import owner_of
from bookings.api.serializers import BookingSerializer, require_relations
from bookings.models import Booking, Status
from dispatch.api.advice import DRIVING_HELP
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
    detour_s = serializers.IntegerField(
        allow_null=True,
        help_text=gettext_lazy(
            "Extra seconds of empty driving. This and what follows is null for client systems."
        ),
    )
    price_s = serializers.IntegerField(
        allow_null=True,
        help_text=gettext_lazy(
            "What the trip adds to the objective with this driver, in seconds: driving and policy."
        ),
    )
    extra_s = serializers.IntegerField(
        allow_null=True,
        help_text=gettext_lazy(
            "Empty driving more than as the day stands, with the trip at its present driver."
        ),
    )
    extra_m = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("The same in metres.")
    )
    policy = PolicySerializer(
        many=True, help_text=gettext_lazy("What the objective counts besides driving.")
    )
    present = serializers.BooleanField(help_text=gettext_lazy("Whether this driver has the trip."))
    together = serializers.ListField(
        child=serializers.CharField(),
        help_text=gettext_lazy(
            "Trips of other clients that are on board for a while; empty for client systems."
        ),
    )
    shared = serializers.BooleanField(
        source="is_shared", help_text=gettext_lazy("Whether the client rides with others.")
    )
    longer_min = serializers.IntegerField(
        help_text=gettext_lazy("Minutes on board beyond the direct ride.")
    )


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
    driving = serializers.CharField(source="driving.by", help_text=DRIVING_HELP)


class QuoteViewSet(Door, viewsets.ViewSet):
    """Quote a trip: which drivers could take it, and when. Nothing is stored."""

    roles = {"create": PLANNERS | CLIENTS}
    serializer_class = BookingSerializer

    @extend_schema(request=BookingSerializer, responses={200: CandidatesSerializer})
    def create(self, request, *args, **kwargs):
        values = dict(read_body(BookingSerializer, request))
        values.pop(FAR_MEANT, None)  # nothing is stored, so nothing is asked
        caller, company = caller_of(request), caller_of(request).company
        if "customer_id" in values:
            owner_of(caller, values.pop("customer_id"))
        require_relations(caller_of(request).scope, values)
        relations = {f"{name}_id": values.pop(name, None) for name in ("client", "return_of")}
        booking = Booking(status=Status.ACCEPTED, **values, **relations)
        advice = quote(company, booking, now=timezone.now())
        answer = CandidatesSerializer(advice).data
        return Response(_for_customers(answer) if caller_of(request).customer else answer)


def _for_customers(answer):
    """Leave out what a passenger does not need: prices, policy, and who else is on duty.

    The reason why nobody is free names drivers, blockers and suggestions the trips of others.
    """
    hidden = dict.fromkeys(("detour_s", "price_s", "extra_s", "extra_m"))
    hidden |= {"policy": [], "together": []}
    why = answer["why"] and {
        "reason": answer["why"]["reason"],
        "detail": _("No driver can take this trip as it is asked for."),
        "blockers": [],
        "suggestion": None,
    }
    return {**answer, "results": [row | hidden for row in answer["results"]], "why": why}
