"""Clients, bookings and events in the API.

Lists of bookings are read as plain values, not as models: a page of 100 is one statement and
no object for each row. `dispatch.api` adds the assignments and what is done to trips.
"""

import django_filters
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.response import Response

from bookings.change import (
    SettledBookingError,
    StaleBookingError,
    StatusRefusedError,
    save_booking,
)
from bookings.intake import MOST, IntakeRefused, take_in
from bookings.models import Actor, Booking, Client, Door, Event
from drivers.rest.access import CLIENTS, PLANNERS, STAFF, caller_of
from drivers.rest.errors import PreconditionFailed, flatten, register
from drivers.rest.filters import PeriodFilterSet, id_filter
from drivers.rest.reading import DegreesField, MomentField, TagsField, TextField, WholeField, moment
from drivers.rest.views import (
    Changes,
    CompanyViewSet,
    Creates,
    Reads,
    Resource,
    chosen,
)


def refused_rows(error):
    """Return the `errors` of a refused intake, with the rows' positions in their fields."""
    return {"errors": [row for i, o in enumerate(error.outcomes) for row in told(o, f"{i}.")][:100]}


def told(outcome, prefix=""):
    return [
        {"field": f"{prefix}{field}", "code": code, "detail": str(sentence)}
        for field, problems in (outcome.errors or {}).items()
        for code, sentence in problems
    ]


register(StaleBookingError, 409, "stale")
register(SettledBookingError, 409, "settled")
register(StatusRefusedError, 409, "status")
register(IntakeRefused, 400, "invalid", members=refused_rows)

READERS = STAFF | CLIENTS
WRITERS = PLANNERS | CLIENTS


def actor_of(request):
    return Actor(Door.API, name=caller_of(request).name[:100], user_id=request.user.pk)


class ClientSerializer(Resource):
    lat = DegreesField(min_value=-90, max_value=90, allow_null=True, required=False)
    lon = DegreesField(min_value=-180, max_value=180, allow_null=True, required=False)

    class Meta:
        model = Client
        fields = ["id", "name", "phone", "address", "lat", "lon", "wheelchair"]


class ClientFilter(django_filters.FilterSet):
    class Meta:
        model = Client
        fields = ["name", "phone", "wheelchair"]


class ClientViewSet(Reads, Creates, Changes, CompanyViewSet):
    """The people who are driven."""

    queryset = Client.objects.all()
    serializer_class = ClientSerializer
    filterset_class = ClientFilter
    roles = {"read": READERS, "write": WRITERS}
    orderings = ("name", "id")
    search_fields = ["name", "phone", "address"]


def latitude(**options):
    return DegreesField(min_value=-90, max_value=90, **options)


def longitude(**options):
    return DegreesField(min_value=-180, max_value=180, **options)


class BookingSerializer(Resource):
    """A trip that somebody wants. State is changed by its own addresses, not by PATCH."""

    client = WholeField(min_value=1, allow_null=True, required=False)
    return_of = WholeField(min_value=1, allow_null=True, required=False)
    reference = TextField(
        max_length=64,
        allow_blank=True,
        required=False,
        help_text=gettext_lazy("Your own id of it: sent twice, it is created once."),
    )
    pickup_lat, pickup_lon = latitude(), longitude()
    dropoff_lat, dropoff_lon = latitude(), longitude()
    scheduled_time = MomentField(help_text=gettext_lazy("The wanted pickup."))
    appointment_at = MomentField(
        allow_null=True, required=False, help_text=gettext_lazy("Arrive by then.")
    )
    passengers = WholeField(min_value=1, max_value=100, required=False)
    wheelchairs = WholeField(min_value=0, max_value=100, required=False)
    needs = TagsField(required=False)
    notes = TextField(max_length=2000, allow_blank=True, required=False)

    class Meta:
        model = Booking
        fields = [
            "id",
            "reference",
            "status",
            "client",
            "pickup_address",
            "pickup_lat",
            "pickup_lon",
            "dropoff_address",
            "dropoff_lat",
            "dropoff_lon",
            "scheduled_time",
            "appointment_at",
            "passengers",
            "wheelchairs",
            "needs",
            "priority",
            "return_of",
            "notes",
            "cancel_reason",
            "created_at",
            "updated_at",
            "version",
        ]
        read_only_fields = [
            "id", "status", "cancel_reason", "created_at", "updated_at", "version",
        ]  # fmt: skip

    def validate(self, values):
        def now(name, default=None):
            return values.get(name, getattr(self.instance, name, default))

        if now("wheelchairs", 0) > now("passengers", 1):
            problem = _("The passengers include those in wheelchairs: at least as many.")
            raise serializers.ValidationError({"passengers": problem})
        wanted_at, arrive_by = now("scheduled_time"), now("appointment_at")
        if arrive_by and wanted_at and arrive_by <= wanted_at:
            problem = _("The appointment is after the pickup.")
            raise serializers.ValidationError({"appointment_at": problem})
        return values


BOOKING_COLUMNS = [
    {"client": "client_id", "return_of": "return_of_id"}.get(name, name)
    for name in BookingSerializer.Meta.fields
]
MOMENTS = ("scheduled_time", "appointment_at", "created_at", "updated_at")
CLIENT_COLUMNS = [f"client__{name}" for name in ("name", "phone", "wheelchair")]
EXPAND = OpenApiParameter("expand", str, description="Related rows to show in full, by comma.")
FIELDS = OpenApiParameter("fields", str, description="Only these fields, by comma.")


class BookingFilter(PeriodFilterSet):
    """`from` and `until` are about the wanted pickup."""

    moment = "scheduled_time"
    client = id_filter("client")

    class Meta:
        model = Booking
        fields = ["status", "priority", "reference"]


class BulkSerializer(serializers.Serializer):
    mode = serializers.ChoiceField(
        choices=["all", "partial"],
        default="all",
        help_text=gettext_lazy("One bad row refuses all, or only itself."),
    )
    bookings = BookingSerializer(many=True)


class BulkRowSerializer(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=["created", "known", "refused"])
    id = serializers.IntegerField(allow_null=True)
    reference = serializers.CharField(allow_null=True)
    errors = serializers.ListField(child=serializers.DictField())


class BulkResultSerializer(serializers.Serializer):
    created = serializers.IntegerField()
    known = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = BulkRowSerializer(many=True)


class BookingViewSet(CompanyViewSet):
    """Bookings: created once by reference, changed with `If-Match`, never deleted."""

    queryset = Booking.objects.all()
    serializer_class = BookingSerializer
    filterset_class = BookingFilter
    orderings = ("-scheduled_time", "id")
    roles = {"read": READERS, "write": WRITERS}
    params = {"list": ["expand"], "retrieve": ["expand"]}
    search_fields = ["reference", "client__name", "client__phone"]
    expandable = ("client",)

    @extend_schema(parameters=[EXPAND, FIELDS])
    def list(self, request, *args, **kwargs):
        expand = self.expansions()
        rows = self.filter_queryset(self.with_relations(self.get_queryset()))
        page = self.paginate_queryset(rows.values(*self.columns(expand)))
        return self.get_paginated_response(self.shown([self.represent(r, expand) for r in page]))

    @extend_schema(parameters=[EXPAND, FIELDS])
    def retrieve(self, request, *args, **kwargs):
        return self.one(self.kwargs["pk"])

    @extend_schema(request=BookingSerializer, responses={200: None, 201: BookingSerializer})
    def create(self, request, *args, **kwargs):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            (outcome,) = take_in(
                self.company,
                [serializer.validated_data],
                actor=actor_of(request),
                now=timezone.now(),
            )
        except IntakeRefused as refused:
            (outcome,) = refused.outcomes
            if "reference" in outcome.errors:
                raise StaleReference(outcome) from None
            raise ValidationError(
                {n: [str(s) for _c, s in rows] for n, rows in outcome.errors.items()}
            ) from None
        location = request.build_absolute_uri(f"{request.path}{outcome.booking_id}/")
        status = 201 if outcome.created else 200
        return self.one(outcome.booking_id, status=status, headers={"Location": location})

    @extend_schema(request=BookingSerializer)
    def partial_update(self, request, *args, **kwargs):
        booking = self.get_queryset().filter(pk=self.kwargs["pk"]).first()
        if booking is None:
            raise NotFound
        if "If-Match" in request.headers:
            self.matched()
        serializer = self.get_serializer(booking, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        for name, value in serializer.validated_data.items():
            setattr(booking, f"{name}_id" if name in ("client", "return_of") else name, value)
        try:
            save_booking(booking, actor=actor_of(request), now=timezone.now())
        except StaleBookingError:
            if "If-Match" in request.headers:
                raise PreconditionFailed from None
            raise
        return self.one(booking.pk)

    @extend_schema(request=BulkSerializer, responses=BulkResultSerializer, filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def bulk(self, request, *args, **kwargs):
        """Create up to 1,000 bookings at once, with a result for each."""
        rows, mode = _bulk_body(request.data)
        values, errors = [], {}
        reader = self.get_serializer()
        for i, row in enumerate(rows):
            try:
                values.append(dict(reader.run_validation(row)))
            except serializers.ValidationError as error:
                errors[i] = {}
                for found in flatten(error.get_full_details()):
                    problem = (found["code"], found["detail"])
                    errors[i].setdefault(found["field"], []).append(problem)
                values.append({})
        outcomes = take_in(
            self.company,
            values,
            actor=actor_of(request),
            now=timezone.now(),
            partial=mode == "partial",
            errors=errors,
        )
        counts = dict.fromkeys(("created", "known", "refused"), 0)
        results = []
        for row, outcome in zip(rows, outcomes, strict=True):
            counts[outcome.name] += 1
            reference = row.get("reference") if isinstance(row, dict) else None
            results.append(
                {
                    "outcome": outcome.name,
                    "id": outcome.booking_id,
                    "reference": reference if isinstance(reference, str) else None,
                    "errors": told(outcome),
                }
            )
        return Response({**counts, "results": results})

    def one(self, booking_id, *, status=200, headers=None):
        """Return the response with one booking and its ETag: 1 statement."""
        expand = self.expansions()
        rows = self.with_relations(self.get_queryset().filter(pk=booking_id))
        row = rows.values(*self.columns(expand)).first()
        if row is None:
            raise NotFound
        (data,) = self.shown([self.represent(row, expand)])
        return Response(data, status=status, headers={**(headers or {}), "ETag": self.tag_of(row)})

    def matched(self):
        """Compare `If-Match`, if there is one, and return the row it speaks of: 1 statement."""
        rows = self.with_relations(self.get_queryset().filter(pk=self.kwargs["pk"]))
        row = rows.values(*self.columns(())).first()
        if row is None:
            raise NotFound
        wanted = self.request.headers.get("If-Match", "*")
        if wanted.strip() != "*" and self.tag_of(row) not in map(str.strip, wanted.split(",")):
            raise PreconditionFailed
        return row

    def expansions(self):
        asked = self.request.query_params.get("expand", "")
        if self.request.method != "GET" or not asked:
            return ()
        names = {name.strip() for name in asked.split(",")}
        if unknown := sorted(names - set(self.expandable)):
            known = ", ".join(self.expandable)
            problem = _("There is no %(unknown)s; there are: %(known)s.")
            raise ValidationError(
                {"expand": problem % {"unknown": ", ".join(unknown)[:200], "known": known}}
            )
        return names

    def with_relations(self, queryset):
        return queryset

    def columns(self, expand):
        return [*BOOKING_COLUMNS, *(CLIENT_COLUMNS if "client" in expand else ())]

    def represent(self, row, expand):
        """Return what the API says of a row of `columns`."""
        data = {
            name: row[column]
            for name, column in zip(BookingSerializer.Meta.fields, BOOKING_COLUMNS, strict=True)
        }
        for name in MOMENTS:
            data[name] = moment(data[name])
        if "client" in expand and data["client"]:
            data["client"] = {
                "id": data["client"],
                **{column[8:]: row[column] for column in CLIENT_COLUMNS},
            }
        return data

    def shown(self, rows):
        """Leave out what `?fields=` does not name."""
        wanted = self.request.query_params.get("fields")
        if not wanted or self.request.method != "GET":
            return rows
        gone = chosen(wanted, self.shown_names())
        for row in rows:
            for name in gone:
                del row[name]
        return rows

    def shown_names(self):
        return BookingSerializer.Meta.fields

    def tag_of(self, row):
        return f'"{row["version"]}"'


class StaleReference(Exception):
    """The reference is taken by a booking with other particulars."""

    def __init__(self, outcome):
        self.outcome = outcome
        super().__init__(told(outcome)[0]["detail"])


register(StaleReference, 409, "reference_taken", members=lambda e: {"errors": told(e.outcome)})


def _bulk_body(data):
    if not isinstance(data, dict) or not isinstance(data.get("bookings"), list):
        raise ValidationError({"bookings": [_("Send an object with a list of bookings.")]})
    if unknown := sorted(data.keys() - {"mode", "bookings"}):
        raise ValidationError({name: [_("There is no such field.")] for name in unknown[:10]})
    mode, rows = data.get("mode", "all"), data["bookings"]
    if mode not in ("all", "partial"):
        raise ValidationError({"mode": [_("“all” or “partial”.")]})
    if not 1 <= len(rows) <= MOST:
        raise ValidationError({"bookings": [_("From 1 to %(most)d bookings.") % {"most": MOST}]})
    return rows, mode


class EventSerializer(Resource):
    """One line of the log: what changed, when, by whom, from what to what."""

    booking = serializers.IntegerField(source="booking_id", allow_null=True)
    assignment = serializers.IntegerField(source="assignment_id", allow_null=True)
    run = serializers.IntegerField(source="run_id", allow_null=True)
    old = serializers.DictField()
    new = serializers.DictField()

    class Meta:
        model = Event
        fields = [
            "id",
            "kind",
            "at",
            "booking",
            "assignment",
            "run",
            "actor",
            "door",
            "old",
            "new",
            "reason",
        ]


class EventViewSet(CompanyViewSet):
    """What happened, in order, without gaps or repeats: ask again with the last id."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    roles = {"read": READERS}
    params = {"list": ["after", "limit", "booking"]}

    @extend_schema(
        parameters=[
            OpenApiParameter("after", int, description="The id of the last event you know."),
            OpenApiParameter("booking", int, description="Only the events of this booking."),
            OpenApiParameter("limit", int, description="At most 1,000 events; 100 by default."),
            FIELDS,
        ]
    )
    def list(self, request, *args, **kwargs):
        after = _number(request, "after", 0, 2**62)
        limit = _number(request, "limit", 100, 1_000)
        rows = self.get_queryset().filter(id__gt=after)
        if "booking" in request.query_params:
            rows = rows.filter(booking_id=_number(request, "booking", 0, 2**62))
        events = list(rows.order_by("id")[: max(limit, 1)])
        data = self.get_serializer(events, many=True).data
        return Response({"last": events[-1].id if events else after, "results": data})

    pagination_class = None


def _number(request, name, default, most):
    text = request.query_params.get(name)
    if text in (None, ""):
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        problem = _("A whole number from 0 to %(most)d.")
        raise ValidationError({name: problem % {"most": most}})
    return int(text)


def register_routes(router):
    router.register("clients", ClientViewSet, basename="client")
    router.register("events", EventViewSet, basename="event")
