"""Create, change and read bookings in the API; `dispatch.api.trips` adds actions on trips."""

from functools import cache

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail, NotFound, PermissionDenied, ValidationError
from rest_framework.response import Response

from bookings.api.bulk import (
    BulkResultSerializer,
    BulkSerializer,
    bulk_body,
    described,
    find_positions,
    unclear_places,
)
from bookings.api.owners import owner_of, refuse_move
from bookings.api.roles import READERS, WRITERS
from bookings.api.serializers import (
    BOOKING_COLUMNS,
    BOOKING_FIELDS,
    CLIENT_COLUMNS,
    EXPAND,
    SERIES_COLUMNS,
    BookingFilter,
    BookingSerializer,
    require_relations,
)
from bookings.guards import Agreed
from bookings.intake import IntakeRefused, take_in
from bookings.models import Booking, Series
from bookings.save import StaleBookingError, save_booking
from bookings.search import find_bookings
from bookings.series.foresee import changed_by_hand
from bookings.series.template import FOLLOWED, Template
from drivers.companies.scope import Scope
from drivers.refused import Refused
from drivers.rest.access import PLANNERS, actor_of, caller_of
from drivers.rest.errors import flatten
from drivers.rest.fields import ids_of
from drivers.rest.rows import read_rows
from drivers.rest.views import (
    CompanyViewSet,
    compare_tag,
    excluded_fields,
)
from drivers.times import moment_of


class StaleReference(Refused):
    """The reference has a booking with other details; `errors` names them."""

    code = "reference_taken"
    status = 409

    def __init__(self, outcome):
        self.outcome = outcome
        super().__init__(outcome.error_rows()[0]["detail"])

    def members(self):
        return {"errors": self.outcome.error_rows()}


class BookingViewSet(CompanyViewSet):
    """Bookings: identified by reference, changed with `If-Match`, never deleted."""

    queryset = Booking.objects.all()
    serializer_class = BookingSerializer
    filterset_class = BookingFilter
    orderings = ("-scheduled_time", "updated_at")
    roles = {"read": READERS, "write": WRITERS}
    params = {
        "list": ["expand"],
        "retrieve": ["expand"],
        "partial_update": ["release", "move"],
    }
    search_fields = ["reference", "client__searched"]
    expandable = ("client", "series")

    def search(self, rows, words):
        return find_bookings(rows, words, company=self.company, customer=self.customer)

    @extend_schema(parameters=[EXPAND])
    def list(self, request, *args, **kwargs):
        expand = self.expansions()
        page = self.paginate_queryset(self.filter_queryset(self.rows(expand)))
        return self.get_paginated_response(self.shown([self.represent(r, expand) for r in page]))

    @extend_schema(parameters=[EXPAND])
    def retrieve(self, request, *args, **kwargs):
        return self.one(self.kwargs["pk"])

    def create(self, request, *args, **kwargs):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        named = values.pop("customer_id", None)
        try:
            (outcome,) = take_in(
                self.company,
                [values],
                actor=actor_of(request),
                now=timezone.now(),
                customer=owner_of(caller_of(request), named, values.get("client")),
                as_agreed=self.customer is not None,
            )
        except IntakeRefused as refused:
            (outcome,) = refused.outcomes
            if "reference" in outcome.errors:
                raise StaleReference(outcome) from None
            raise ValidationError(
                {
                    name: [ErrorDetail(str(sentence), code) for code, sentence in rows]
                    for name, rows in outcome.errors.items()
                }
            ) from None
        location = request.build_absolute_uri(f"{request.path}{outcome.booking_id}/")
        status = 201 if outcome.created else 200
        return self.one(outcome.booking_id, status=status, headers={"Location": location})

    @extend_schema(
        request=BookingSerializer,
        parameters=[
            OpenApiParameter(way, str, description=f"Ids of the assignments that may be {done}.")
            for way, done in (
                ("release", "released, if the change breaks them"),
                ("move", "moved to the new time of their driver, if that is possible"),
            )
        ],
    )
    def partial_update(self, request, *args, **kwargs):
        rows = self.get_queryset().select_related("customer")
        booking = rows.filter(pk=self.kwargs["pk"]).first()
        if booking is None:
            raise NotFound
        if "If-Match" in request.headers:
            self.check_if_match()
        serializer = self.get_serializer(booking, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        require_relations(Scope(self.company, booking.customer), serializer.validated_data)
        booking = self.owned(booking)
        refuse_move(serializer.validated_data.pop("customer_id", None), booking.customer_id)
        for name, value in serializer.validated_data.items():
            setattr(booking, f"{name}_id" if name in ("client", "return_of") else name, value)
        try:
            agreed = Agreed(
                release=self.agreed("release"),
                move=self.agreed("move"),
            )
            save_booking(
                booking,
                actor=actor_of(request),
                now=timezone.now(),
                agreed=agreed,
                as_agreed=self.customer is not None,
            )
        except StaleBookingError:
            self.check_if_match()  # if the row itself has changed, 412 says more
            raise
        return self.one(booking.pk)

    @extend_schema(request=BulkSerializer, responses=BulkResultSerializer, filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def bulk(self, request, *args, **kwargs):
        """Create up to 1,000 bookings; the response has a result for each."""
        rows, mode, find, named = bulk_body(request.data)
        owner = owner_of(caller_of(request), named)
        rows, found = find_positions(self.company, rows, find, customer=self.customer)
        values, errors = [], {}
        reader = self.get_serializer()
        for i, row in enumerate(rows):
            try:
                one = dict(reader.run_validation(row))
                refuse_move(one.pop("customer_id", None), owner.pk)
                values.append(one)
            except serializers.ValidationError as error:
                errors[i] = {}
                for detail in flatten(error.get_full_details()):
                    problem = (detail["code"], detail["detail"])
                    errors[i].setdefault(detail["field"], []).append(problem)
                values.append({})
                for field, problems in unclear_places(row, found.get(i, {})).items():
                    end = field.removesuffix("address")
                    for name in (f"{end}lat", f"{end}lon"):  # what is missing is said once
                        errors[i].pop(name, None)
                    errors[i][field] = problems
        try:
            outcomes = take_in(
                self.company,
                values,
                actor=actor_of(request),
                now=timezone.now(),
                partial=mode == "partial",
                errors=errors,
                customer=owner,
                as_agreed=self.customer is not None,
            )
        except IntakeRefused as refused:
            refused.places = {i: described(one) for i, one in found.items()}
            raise
        counts = dict.fromkeys(("created", "known", "refused"), 0)
        results = []
        for i, (row, outcome) in enumerate(zip(rows, outcomes, strict=True)):
            counts[outcome.name] += 1
            reference = row.get("reference") if isinstance(row, dict) else None
            results.append(
                {
                    "outcome": outcome.name,
                    "id": outcome.booking_id,
                    "reference": reference if isinstance(reference, str) else None,
                    "errors": outcome.error_rows(),
                    **({"places": described(found[i])} if i in found else {}),
                }
            )
        return Response({**counts, "results": results})

    def one(self, booking_id, *, status=200, headers=None):
        """Return the response with one booking and its ETag: 1 statement."""
        expand = self.expansions()
        row = self.row(booking_id, expand)
        (data,) = self.shown([self.represent(row, expand)])
        return Response(data, status=status, headers={**(headers or {}), "ETag": self.tag_of(row)})

    def agreed(self, way):
        """Return the assignments that may be released or moved; who may not plan agrees to none."""
        ids = ids_of(self.request, way)
        if ids and caller_of(self.request).role not in PLANNERS:
            raise PermissionDenied
        return frozenset(ids)

    def check_if_match(self):
        """Return the row after comparing it with `If-Match`, if given: 1 statement."""
        row = self.row(self.kwargs["pk"])
        compare_tag(self.request, lambda: self.tag_of(row))
        return row

    def rows(self, expand=()):
        """Return the bookings of the caller's scope as a `.values()` queryset."""
        rows = _values(type(self), frozenset(expand))
        if self.customer is not None:
            return caller_of(self.request).scope.of(rows)
        if self.action == "list" and self.request.query_params.get("search", "").strip():
            # No index of companies: SQLite would read all of one, not the few that are found.
            return rows.alias(owner=F("company_id") + 0).filter(owner=self.company.pk)
        return rows.filter(company=self.company)

    def row(self, booking_id, expand=()):
        """Return one of the rows, or raise NotFound: 1 statement."""
        for row in read_rows(self.rows(expand).filter(pk=booking_id)):
            return row
        raise NotFound

    def expansions(self):
        asked = self.request.query_params.get("expand", "")
        if self.request.method != "GET" or not asked:
            return ()
        names = {name.strip() for name in asked.split(",")}
        if unknown := sorted(names - set(self.expandable)):
            known = ", ".join(self.expandable)
            problem = _("Unknown: %(unknown)s; known: %(known)s.")
            raise ValidationError(
                {"expand": problem % {"unknown": ", ".join(unknown)[:200], "known": known}}
            )
        return names

    @classmethod
    def with_relations(cls, queryset):
        return queryset

    @classmethod
    def columns(cls, expand):
        found = [*BOOKING_COLUMNS, *(CLIENT_COLUMNS if "client" in expand else ())]
        return [*found, *(("series_leg", *SERIES_COLUMNS) if "series" in expand else ())]

    def represent(self, row, expand):
        """Return the JSON object of a row of `columns`."""
        data = {name: row[column] for name, column in BOOKING_FIELDS}
        if "client" in expand and data["client"]:
            data["client"] = {
                "id": data["client"],
                **{column[8:]: row[column] for column in CLIENT_COLUMNS},
            }
        if "series" in expand and data["series"]:
            data["series"] = self._series(row)
        return data

    def _series(self, row):
        """Return the order of a row, and what of it somebody has changed by hand."""
        series = Series(pk=row["series_id"], **{name[8:]: row[name] for name in SERIES_COLUMNS})
        booking = Booking(
            **{name: row[name] for name in (*FOLLOWED, "series_day", "series_leg")},
            scheduled_time=moment_of(row["scheduled_time"]),
            appointment_at=row["appointment_at"] and moment_of(row["appointment_at"]),
        )
        by_hand = changed_by_hand(Template(series, self.company), booking)
        return {"id": series.pk, "in_words": series.in_words(), "by_hand": list(by_hand)}

    def shown(self, rows):
        """Remove the fields that `?fields=` does not name."""
        wanted = self.request.query_params.get("fields")
        if not wanted or self.request.method != "GET":
            return rows
        gone = excluded_fields(wanted, self.shown_names())
        for row in rows:
            for name in gone:
                del row[name]
        return rows

    def shown_names(self):
        return BookingSerializer.Meta.fields

    def tag_of(self, row):
        return f'"{row["version"]}"'


@cache
def _values(view, expand):
    """Return the `.values()` queryset, cached: naming 40 columns takes longer than reading one."""
    return view.with_relations(Booking.objects.all()).values(*view.columns(expand))
