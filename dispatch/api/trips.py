"""Trips in the API: each use-case is one call.

A trip is addressed as its booking; `If-Match` with the booking's ETag covers its assignment
too, and is compared again under the locks.
"""

from django.db.models import FilteredRelation, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from bookings.agreements import require_time
from bookings.api.bookings import BookingViewSet
from bookings.api.roles import READERS
from bookings.api.serializers import BookingFilter, BookingSerializer
from bookings.models import Status
from bookings.save import StaleBookingError
from dispatch.api.advice import AdviceSerializer, FollowSerializer
from dispatch.api.quotes import CandidatesSerializer
from dispatch.api.request_serializers import (
    AssignSerializer,
    CorrectSerializer,
    HappenedSerializer,
    ProgressSerializer,
    ReadySerializer,
    ReasonSerializer,
    UndoSerializer,
)
from dispatch.api.trip_serializers import (
    ASSIGNMENT_FIELDS,
    EXPECTED,
    POSITION,
    UNDER_WAY,
    ExpandableTripSerializer,
    TripSerializer,
)
from dispatch.day.rows import DONE
from dispatch.day.travel_times import whence
from dispatch.day.vehicles import plate
from dispatch.trips import decisions, progress, will_calls
from dispatch.trips.advice.advise import advise
from dispatch.trips.advice.carry_out import Outdated, carry_out
from dispatch.trips.assign import assign
from dispatch.trips.cancel import cancel
from dispatch.trips.correct import correct
from dispatch.trips.undo import undo
from drivers.rest.access import CLIENTS, PLANNERS, STAFF, actor_of
from drivers.rest.fields import parse_whole, read_body
from drivers.rest.filters import IdFilter
from drivers.rest.schema import whole
from drivers.times import moment_of


class TripFilter(BookingFilter):
    driver = IdFilter(
        "assignments__driver_id",
        method="of_driver",
        says="The driver who has the trip, or has driven it.",
    )

    def of_driver(self, rows, name, driver_id):
        return rows.filter(current__driver_id=driver_id)


class UndoneSerializer(serializers.Serializer):
    bookings = serializers.ListField(
        child=serializers.IntegerField(), help_text=gettext_lazy("The trips that were changed.")
    )


def trip_action(serializer_class=None, **options):
    """Mark a POST on one booking that returns the booking."""

    def decorate(view):
        routed = action(detail=True, methods=["post"], **options)(view)
        return extend_schema(request=serializer_class, responses=TripSerializer)(routed)

    return decorate


@extend_schema_view(
    list=extend_schema(responses=ExpandableTripSerializer(many=True)),
    retrieve=extend_schema(responses=ExpandableTripSerializer),
    create=extend_schema(
        request=BookingSerializer, responses={200: TripSerializer, 201: TripSerializer}
    ),
)
class TripViewSet(BookingViewSet):
    """Bookings: created once by reference, changed with `If-Match`, never deleted."""

    serializer_class = TripSerializer
    filterset_class = TripFilter
    expandable = ("client", "assignment", "driver", "series")
    roles = {
        "read": READERS,
        "write": PLANNERS | CLIENTS,
        "accept": PLANNERS,
        "ready": PLANNERS | CLIENTS,
        "no_show": PLANNERS,
        "progress": PLANNERS,
        "arrive": PLANNERS,
        "assign": PLANNERS,
        "correct": PLANNERS,
        "undo": PLANNERS,
        "release": PLANNERS,
        "candidates": STAFF,
        "advice": STAFF,
        "follow": PLANNERS,
    }
    params = {**BookingViewSet.params, "candidates": ["top"]}

    @trip_action(ReasonSerializer)
    def accept(self, request, *args, **kwargs):
        """Accept a pending booking."""
        return self.done(decisions.accept, "version", **read_body(ReasonSerializer, request))

    @trip_action(ReadySerializer)
    def ready(self, request, *args, **kwargs):
        """Accept a will-call that is ready now or in some minutes. May be repeated.

        409 `not_there_yet` if the outbound trip has not arrived by then, `too_late_for_customer` if
        a client system asks later than was agreed, except for the way back of a recent trip.
        """
        values = read_body(ReadySerializer, request)
        return self.done(will_calls.ready, "version", held_to=self.customer, **values)

    @trip_action(ReasonSerializer)
    def cancel(self, request, *args, **kwargs):
        """Cancel the booking and free its driver. May be repeated.

        409 `too_late_for_customer` if a client system asks later than was agreed.
        """
        if self.customer is not None:
            row = self.row(self.kwargs["pk"])
            if row["status"] != Status.CANCELED:
                at = moment_of(row["scheduled_time"])
                require_time(self.customer, at, timezone.now())
        return self.done(cancel, "version", **read_body(ReasonSerializer, request))

    @trip_action(ReasonSerializer, url_path="no-show")
    def no_show(self, request, *args, **kwargs):
        """Report a no-show."""
        values = read_body(ReasonSerializer, request)
        return self.done(progress.report_progress, "assignment_id", Status.NO_SHOW, **values)

    @trip_action(ProgressSerializer)
    def progress(self, request, *args, **kwargs):
        """Report the progress of the trip, with the actual time.

        409 `too_early` more than 4 hours before the planned pickup.
        """
        values = dict(read_body(ProgressSerializer, request))
        status = Status(values.pop("status"))
        return self.done(progress.report_progress, "assignment_id", status, **values)

    @trip_action(HappenedSerializer)
    def arrive(self, request, *args, **kwargs):
        """Report the arrival of a driver en route at the pickup. May be repeated."""
        return self.done(progress.arrive, "assignment_id", **read_body(HappenedSerializer, request))

    @trip_action(CorrectSerializer)
    def correct(self, request, *args, **kwargs):
        """Take the status one step back, after a mistake.

        From completed to on board, from no-show and on board to en route, from en route to
        assigned, from canceled to accepted or pending, and from accepted to pending if it was a
        will-call. What has ended can be taken back for `correction_hours` of the company (409
        `too_late_to_correct`). If the driver has another trip at the time, and after a
        cancellation, the booking is accepted without a driver: `assignment` is null.
        """
        return self.done(correct, "version", **read_body(CorrectSerializer, request))

    @trip_action(AssignSerializer)
    def assign(self, request, *args, **kwargs):
        """Assign the trip to a driver.

        Breaking a rule requires `override`, moving a locked trip requires `lock` (409 `locked`).
        """
        values = dict(read_body(AssignSerializer, request))
        return self.done(assign, "assignment_id", values.pop("driver"), **values)

    @trip_action(ReasonSerializer)
    def release(self, request, *args, **kwargs):
        """Release the trip from its driver; it becomes unassigned."""
        return self.done(decisions.release, "assignment_id", **read_body(ReasonSerializer, request))

    @extend_schema(request=UndoSerializer, responses=UndoneSerializer, filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def undo(self, request, *args, **kwargs):
        """Undo the last action by hand on a day: assign, swap, release, cancel, status or lock.

        409 `not_undoable` if it is not the last one, if a person or a run has built on it, or if it
        did more than can be taken back.
        """
        values = read_body(UndoSerializer, request)
        how = {"actor": actor_of(request), "now": timezone.now()}
        return Response({"bookings": undo(self.company, values["day"], values["action"], **how)})

    @extend_schema(
        parameters=[
            OpenApiParameter("top", whole(1, 20, 3), description="How many drivers to list.")
        ],
        responses=CandidatesSerializer,
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def candidates(self, request, *args, **kwargs):
        """List the best drivers who could take the trip, with time and price, or say why none."""
        text = request.query_params.get("top", "3")
        top = parse_whole(text, "top", 1, 20)
        advice = advise(self.company, int(self.kwargs["pk"]), now=timezone.now(), top=top)
        return Response(CandidatesSerializer(advice).data)

    @extend_schema(responses=AdviceSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def advice(self, request, *args, **kwargs):
        """Say why the trip has no driver as the day stands, and what would help."""
        return Response(self.advise())

    @extend_schema(request=FollowSerializer, responses=TripSerializer)
    @advice.mapping.post
    def follow(self, request, *args, **kwargs):
        """Carry out a suggestion: exactly its consequences, or 409 with the new advice."""
        if "If-Match" in request.headers:
            self.check_if_match()
        serializer = FollowSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        booking_id = int(self.kwargs["pk"])
        change, key = serializer.to_change(booking_id), serializer.validated_data["key"]
        actor, now = actor_of(request), timezone.now()
        try:
            carry_out(self.company, change, key=key, actor=actor, now=now)
        except Outdated as outdated:
            outdated.advice = self.advise()
            raise
        return self.one(booking_id)

    def advise(self):
        advice = advise(self.company, int(self.kwargs["pk"]), now=timezone.now())
        return AdviceSerializer(advice).data

    def done(self, use_case, compared, *args, **options):
        """Call the use-case on this booking, if `If-Match` agrees; return the booking.

        Of a client system it is first looked whether the booking is its customer's, which it is for
        ever: 1 statement.
        """
        if self.customer and "If-Match" not in self.request.headers:
            self.row(self.kwargs["pk"])
        if "If-Match" in self.request.headers:
            row = self.check_if_match()
            seen = {"version": row["version"], "assignment_id": row["current__id"] or 0}
            options[compared] = seen[compared]
        try:
            use_case(
                self.company,
                int(self.kwargs["pk"]),
                *args,
                actor=actor_of(self.request),
                now=timezone.now(),
                **options,
            )
        except StaleBookingError:
            self.check_if_match()  # if the row itself has changed, 412 says more
            raise
        return self.one(int(self.kwargs["pk"]))

    @classmethod
    def with_relations(cls, queryset):
        """Join the open or driven assignment; there is at most one."""
        condition = Q(assignments__is_open=True) | Q(assignments__status__in=sorted(DONE))
        queryset = queryset.alias(current=FilteredRelation("assignments", condition=condition))
        return queryset.annotate(plate=plate("current__driver", "current__planned_pickup_at"))

    @classmethod
    def columns(cls, expand):
        found = [*super().columns(expand), "current__id", "current__updated_at"]
        if {"assignment", "driver"} & set(expand):
            found += ["current__driver_id", *(f"current__{name}" for name in ASSIGNMENT_FIELDS)]
            found += EXPECTED.values()
        if "driver" in expand:
            found += [f"current__driver__{name}" for name in ("name", "phone", *POSITION)]
            found.append("plate")
        return found

    def represent(self, row, expand):
        data = super().represent(row, expand)
        data["assignment"] = row["current__id"]
        if data["assignment"] and {"assignment", "driver"} & set(expand):
            shown = {"id": row["current__id"], "driver": row["current__driver_id"]}
            for name in ASSIGNMENT_FIELDS:
                shown[name] = row[f"current__{name}"]
            shown["expected"] = self.expected(row)
            if "driver" in expand:
                shown["driver"] = {
                    "id": row["current__driver_id"],
                    "name": row["current__driver__name"],
                    "phone": None if self.customer else row["current__driver__phone"],
                    "plate": row["plate"],
                    "position": self.position(row),
                }
            data["assignment"] = shown
        return data

    def expected(self, row):
        """Return how the trip is expected to go, None if that is not kept."""
        if row[EXPECTED["pickup_at"]] is None:
            return None
        told = {name: row[column] for name, column in EXPECTED.items()}
        return told | {"driving": whence(self.company)}

    def position(self, row):
        """Return where the driver of a trip under way is, if that is known."""
        if row["status"] not in UNDER_WAY or row["current__driver__last_position_at"] is None:
            return None
        lat, lon, at = (row[f"current__driver__{name}"] for name in POSITION)
        return {"lat": lat, "lon": lon, "at": at}

    def shown_names(self):
        return TripSerializer.Meta.fields

    def tag_of(self, row):
        return f'"{row["version"]}-{row["current__id"] or 0}-{row["current__updated_at"]}"'
