"""Dispatch runs in the API: plan a day, preview it, revert a run."""

from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from bookings.models import Booking
from dispatch.api.quotes import NoPlaceSerializer
from dispatch.api.what_if_serializers import ComparisonSerializer, WhatIfSerializer
from dispatch.day.reasons import translated
from dispatch.models import DispatchRun
from dispatch.planner.solve import default_budget_s
from dispatch.runs.background import start_comparison, start_dispatch
from dispatch.runs.changes import Changes
from dispatch.runs.options import Mode, RunOptions
from dispatch.runs.parts import Choice
from dispatch.runs.previews import NoPreview, apply_preview, discard_preview, plan_preview
from dispatch.runs.queue import NoWorker, settle
from dispatch.runs.revert import revert_run
from dispatch.runs.run import run_dispatch
from drivers.rest.access import PLANNERS, STAFF, actor_of
from drivers.rest.fields import Body, DayField, TruthField, WholeField, read_body
from drivers.rest.filters import Filters
from drivers.rest.idempotency import commits_itself, not_kept
from drivers.rest.views import CompanyViewSet, Reads, Resource, locked_row

LONGEST_SEARCH_S = 60
POLL_AFTER_S = 1  # between two looks at a run in the background
PREFER = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="`respond-async` is the same as `background`.",
)

PLACEMENTS = gettext_lazy(
    "Of a preview, the bookings that drivers can take while all that stands stays."
)


class UnassignedSerializer(NoPlaceSerializer):
    """Why a booking has no driver, in the language of the request."""

    booking = serializers.IntegerField()
    reference = serializers.CharField(help_text=gettext_lazy("The reference, or # and the id."))

    def to_representation(self, row):
        return super().to_representation(translated(row))


class GainSerializer(serializers.Serializer):
    """How many trips a driver gained and lost."""

    driver = serializers.CharField(help_text=gettext_lazy("The name."))
    gained = serializers.IntegerField()
    lost = serializers.IntegerField()


class BrokenSerializer(serializers.Serializer):
    """A trip of which client or driver was told otherwise."""

    booking = serializers.IntegerField()
    reference = serializers.CharField(help_text=gettext_lazy("The reference, or # and the id."))
    driver = serializers.BooleanField(help_text=gettext_lazy("It has another driver, or none."))
    time = serializers.BooleanField(
        help_text=gettext_lazy("Its pickup is more than 5 minutes away from the one before.")
    )
    confirmed = serializers.BooleanField(help_text=gettext_lazy("It was confirmed."))
    told_at = serializers.DateTimeField(help_text=gettext_lazy("The pickup before."))
    pickup_at = serializers.DateTimeField(
        allow_null=True, help_text=gettext_lazy("The pickup now; null without a driver.")
    )


class PartSerializer(serializers.Serializer):
    """Drivers whose changes depend on one another, and the bookings that change."""

    drivers = serializers.ListField(child=serializers.IntegerField())
    trips = serializers.ListField(child=serializers.IntegerField())


class RunSerializer(Resource):
    """One attempt to plan a day."""

    reverts = serializers.IntegerField(source="reverts_id", allow_null=True)
    settings = serializers.DictField()
    metrics = serializers.DictField()
    timings = serializers.DictField(
        child=serializers.FloatField(), help_text=gettext_lazy("Seconds.")
    )
    unassigned = UnassignedSerializer(many=True)
    progress = serializers.DictField(
        help_text=gettext_lazy("In the background: the phase (queued, load, plan, check, apply).")
    )
    drivers = GainSerializer(many=True, source="outcome.drivers", default=list)
    broken = BrokenSerializer(many=True, source="outcome.broken", default=list)
    notices = serializers.ListField(
        child=serializers.CharField(), source="outcome.notices", default=list
    )
    before = serializers.DictField(
        child=serializers.FloatField(),
        source="outcome.before",
        default=dict,
        help_text=gettext_lazy("Figures of what stood before."),
    )
    parts = PartSerializer(many=True, source="outcome.parts", default=list)
    placements = serializers.ListField(
        child=serializers.IntegerField(),
        source="outcome.placements",
        default=list,
        help_text=PLACEMENTS,
    )
    comparison = ComparisonSerializer(
        source="outcome.comparison",
        default=None,
        allow_null=True,
        help_text=gettext_lazy("What changes would bring, where that was asked: `what_if`."),
    )

    class Meta:
        model = DispatchRun
        fields = [
            "id",
            "day",
            "trigger",
            "actor",
            "reverts",
            "status",
            "started_at",
            "finished_at",
            "settings",
            "metrics",
            "timings",
            "unassigned",
            "drivers",
            "broken",
            "notices",
            "before",
            "parts",
            "placements",
            "comparison",
            "progress",
            "error",
        ]


def may_take_long(company, day, time_limit_s):
    """Return whether the search may outlast a request: 1 statement if no limit is given."""
    if time_limit_s is None:
        time_limit_s = default_budget_s(Booking.objects.on(company, day).count())
    return time_limit_s > settings.LONGEST_SEARCH_IN_REQUEST_S


class RunRequestSerializer(Body):
    day = DayField()
    preview = TruthField(
        default=False,
        help_text=gettext_lazy("Only plan and report; the plan can be applied or discarded."),
    )
    background = TruthField(
        default=False,
        help_text=gettext_lazy(
            "Return at once and plan in the background; poll `Location`. A long search goes there "
            "by itself."
        ),
    )
    time_limit_s = WholeField(
        min_value=0,
        max_value=LONGEST_SEARCH_S,
        allow_null=True,
        default=None,
        help_text=gettext_lazy("Seconds to search; the default depends on the size of the day."),
    )
    seed = WholeField(min_value=0, max_value=2**31 - 1, default=0)
    mode = serializers.ChoiceField(
        Mode.choices, default=Mode.SERVE, help_text=gettext_lazy("What may become of what stands.")
    )
    move_confirmed = TruthField(
        default=False, help_text=gettext_lazy("Confirmed trips may move as others do.")
    )
    what_if = WhatIfSerializer(
        allow_null=True,
        default=None,
        help_text=gettext_lazy(
            "Only compare: plan days, past ones too, from their beginning, as they are and with "
            "changes. Always in the background; nothing can be applied. Not with `preview`, `mode` "
            "or `move_confirmed`."
        ),
    )

    def validate(self, values):
        if values["what_if"] is not None:
            plans = ("preview", "mode", "move_confirmed")
            if asked := [name for name in plans if values[name] != self.fields[name].default]:
                raise serializers.ValidationError(
                    dict.fromkeys(asked, _("Not with what_if, which only compares."))
                )
        return values


class ApplySerializer(Body):
    placements = TruthField(
        default=False,
        help_text=gettext_lazy(
            "Only give drivers to the bookings of `placements`; what stands stays."
        ),
    )
    driver = WholeField(
        min_value=1,
        allow_null=True,
        default=None,
        help_text=gettext_lazy("Only change the trips of the part of `parts` with this driver."),
    )

    def validate(self, values):
        if values["placements"] and values["driver"]:
            raise serializers.ValidationError(
                {"driver": _("Choose the placements or the part of a driver, not both.")}
            )
        return values


class ReportSerializer(serializers.Serializer):
    """What a run changed, or a preview would change."""

    run = serializers.IntegerField(allow_null=True)
    company = serializers.CharField()
    day = serializers.DateField()
    status = serializers.ChoiceField(choices=["preview", "completed"])
    bookings = serializers.IntegerField()
    assigned = serializers.IntegerField()
    unassigned = UnassignedSerializer(many=True)
    metrics = serializers.DictField()
    changes = serializers.DictField(child=serializers.IntegerField())
    drivers = GainSerializer(many=True)
    broken = BrokenSerializer(many=True)
    notices = serializers.ListField(child=serializers.CharField())
    statements = serializers.IntegerField()
    timings = serializers.DictField(
        child=serializers.FloatField(), help_text=gettext_lazy("Seconds.")
    )
    before = serializers.DictField(
        child=serializers.FloatField(), help_text=gettext_lazy("Figures of what stood before.")
    )
    parts = PartSerializer(many=True)
    placements = serializers.ListField(child=serializers.IntegerField(), help_text=PLACEMENTS)


class RunFilter(Filters):
    class Meta:
        model = DispatchRun
        fields = ["day", "status"]


class RunViewSet(Reads, CompanyViewSet):
    """Dispatch runs: plan a day, preview it, revert a run."""

    queryset = DispatchRun.objects.all()
    serializer_class = RunSerializer
    filterset_class = RunFilter
    orderings = ("-id",)
    roles = {"read": STAFF, "write": PLANNERS}
    is_polled = True

    @extend_schema(
        request=RunRequestSerializer,
        parameters=[PREFER],
        responses={201: ReportSerializer, 202: RunSerializer},
    )
    @commits_itself(undone=NoWorker)
    def create(self, request, *args, keep=not_kept, **kwargs):
        """Plan a day, or preview it: 201 with the report, or 202 with the run to be polled.

        What may take longer than a request should is planned in the background, asked or not.
        """
        values = dict(read_body(RunRequestSerializer, request))
        day, preview = values.pop("day"), values.pop("preview")
        asked, what_if = values.pop("background"), values.pop("what_if")
        preferred = "respond-async" in request.headers.get("Prefer", "")
        about = {"now": timezone.now(), "actor": actor_of(request)}
        if what_if is None:
            about["options"] = RunOptions(**values)
            start = partial(start_dispatch, preview=preview)
        else:
            about |= {name: values[name] for name in ("time_limit_s", "seed")}
            changes = Changes(
                what_if["policy"], tuple(what_if["without"]), tuple(what_if["more_like"])
            )
            start = partial(start_comparison, until=what_if["until"], changes=changes)
        limit_s = values["time_limit_s"]
        if what_if is not None or asked or preferred or may_take_long(self.company, day, limit_s):
            with transaction.atomic():
                run = start(self.company, day, **about)
                headers = {
                    "Location": self.address(request.path, run.id),
                    "Retry-After": str(POLL_AFTER_S),
                }
                if preferred:
                    headers["Preference-Applied"] = "respond-async"
                response = self.tagged(run, status=202, headers=headers)
                keep(response)
            return response
        plan = plan_preview if preview else run_dispatch
        report = plan(
            self.company,
            day,
            done=lambda report: keep(self.written(report, request.path)),
            **about,
        )
        return self.written(report, request.path)

    def retrieve(self, request, *args, **kwargs):
        run = self.get_object()
        settle(run, now=timezone.now())
        headers = {"Retry-After": str(POLL_AFTER_S)} if run.is_under_way else {}
        return self.tagged(run, headers=headers)

    @extend_schema(request=ApplySerializer, responses=ReportSerializer)
    @action(detail=True, methods=["post"])
    @commits_itself
    def apply(self, request, *args, keep=not_kept, **kwargs):
        """Apply the plan of a preview or a part of it, unless the day has changed since."""
        asked = read_body(ApplySerializer, request)
        run = self.run()
        try:
            report = apply_preview(
                run,
                now=timezone.now(),
                actor=actor_of(request),
                choice=Choice(placements=asked["placements"], driver_id=asked["driver"]),
                done=lambda report: keep(Response(report.as_dict())),
            )
        except NoPreview:
            run.refresh_from_db()
            self.compare(run)  # 412 if it still was one when it was read
            raise
        return Response(report.as_dict())

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def discard(self, request, *args, **kwargs):
        """Discard a preview. Repeating the request is harmless; a run that failed stays failed."""
        read_body(Body, request)
        with transaction.atomic():
            run = locked_row(self)
            discard_preview(run)
        return self.tagged(run)

    @extend_schema(request=None, responses={201: ReportSerializer})
    @action(detail=True, methods=["post"])
    @commits_itself
    def revert(self, request, *args, keep=not_kept, **kwargs):
        """Restore the assignments from before the run, as far as the rules allow; once."""
        read_body(Body, request)
        path = request.path.rsplit("/", 3)[0] + "/"
        report = revert_run(
            self.run(),
            now=timezone.now(),
            actor=actor_of(request),
            done=lambda report: keep(self.written(report, path)),
        )
        return self.written(report, path)

    def run(self):
        """Return the run, compared with `If-Match`: 1 statement.

        Without its lock: applying claims only what still is a preview, and reverting writes a run
        of its own; a completed run never changes.
        """
        run = self.get_object()
        run.company = self.company
        return run

    def written(self, report, path):
        headers = {"Location": self.address(path, report.run)}
        return Response(report.as_dict(), status=201, headers=headers)

    def address(self, path, run_id):
        return self.request.build_absolute_uri(f"{path}{run_id}/")
