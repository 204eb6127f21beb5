"""The admin pages of dispatch runs."""

from functools import partial

from django.contrib import admin, messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from bookings.models import Booking, Client
from dispatch.admin.bookings import BookingAdmin
from dispatch.admin.clients import ClientAdmin
from dispatch.admin.customers import CustomerAdmin
from dispatch.admin.fleet import (
    AbsenceAdmin,
    DriverAdmin,
    ShiftAdmin,
    VehicleAbsenceAdmin,
    VehicleAdmin,
)
from dispatch.admin.run_page import (
    CHANGES,
    METRICS,
    RESULT,
    TIMINGS,
    changes_of,
    labelled,
    left_out,
    punctuality,
)
from dispatch.admin.what_if import CompanyAdmin, ask, show
from dispatch.day.travel_times import name_driving, say_driving
from dispatch.models import DispatchRun
from dispatch.runs.revert import revert_run
from drivers.admin.base import ReadOnlyAdmin
from drivers.admin.pages import admin_page
from drivers.companies.actors import admin_actor
from drivers.companies.roles import companies_of
from drivers.models import Absence, Company, Customer, Driver, Shift, Vehicle, VehicleAbsence

# The pages of the fleet, of bookings and of clients are registered here, because they check the
# assigned trips that a change would break, those of companies, because their policy is tried, and
# those of customers, because of the pages of their wards.
admin.site.register(Company, CompanyAdmin)
admin.site.register(Customer, CustomerAdmin)
admin.site.register(Booking, BookingAdmin)
admin.site.register(Client, ClientAdmin)
admin.site.register(Driver, DriverAdmin)
admin.site.register(Vehicle, VehicleAdmin)
admin.site.register(Shift, ShiftAdmin)
admin.site.register(Absence, AbsenceAdmin)
admin.site.register(VehicleAbsence, VehicleAbsenceAdmin)


@admin.register(DispatchRun)
class DispatchRunAdmin(ReadOnlyAdmin):
    list_display = [
        "name",
        "day",
        "company",
        "shown_status",
        "assigned",
        "without_driver",
        "kilometres",
        "by",
    ]
    list_filter = ["status", "trigger"]
    ordering = ["-id"]

    def get_queryset(self, request):
        runs = super().get_queryset(request).select_related("company", "user", "reverts__company")
        if request.resolver_match.url_name.endswith("_changelist"):
            return runs.defer("unassigned", "previous_breaks", "outcome", "settings")
        return runs

    @display(description=_("plan"), ordering="id")
    def name(self, run):
        return _("plan of %(at)s") % {"at": run.started_clock}

    @display(
        description=_("status"),
        ordering="status",
        label={
            DispatchRun.Status.COMPLETED.label: "success",
            DispatchRun.Status.FAILED.label: "danger",
            DispatchRun.Status.RUNNING.label: "warning",
            DispatchRun.Status.PREVIEW.label: "info",
            DispatchRun.Status.COMPARED.label: "info",
        },
    )
    def shown_status(self, run):
        return run.get_status_display()

    @display(description=_("assigned"))
    def assigned(self, run):
        if "bookings" not in run.metrics:
            return None
        return _("%(assigned)s of %(bookings)s") % run.metrics

    @display(description=_("without driver"))
    def without_driver(self, run):
        if "bookings" not in run.metrics:
            return None
        return run.metrics["bookings"] - run.metrics["assigned"]

    @display(description=_("km with / without passengers"))
    def kilometres(self, run):
        if "passenger_km" not in run.metrics:
            return None
        km = f"{run.metrics['passenger_km']:.0f} / {run.metrics['deadhead_km']:.0f}"
        said = run.metrics.get("driving")
        return f"{km}, {name_driving(said)}" if said else km

    @display(description=_("by"))
    def by(self, run):
        return run.actor or run.user or run.get_trigger_display()

    def get_urls(self):
        revert = self.admin_site.admin_view(self.revert)
        compare = self.admin_site.admin_view(partial(ask, self))
        return [
            path("<int:run>/revert/", revert, name="dispatch_dispatchrun_revert"),
            path("compare/<slug:company>/", compare, name="dispatch_dispatchrun_compare"),
            *super().get_urls(),
        ]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show the run read-only: 3 statements besides those of any page."""
        run = self.get_object(request, object_id)
        if run is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if run.is_comparison:
            return show(self, request, run)
        drivers, released = changes_of(run)
        return admin_page(
            self,
            request,
            "dispatch/run.html",
            title=_("Plan of %(at)s for %(day)s, %(company)s")
            % {
                "at": run.started_clock,
                "day": date_format(run.day, "l j F Y"),
                "company": run.company,
            },
            run=run,
            original=self.name(run),
            result=[*labelled(run.metrics, RESULT), *punctuality(drivers)],
            changes=labelled(run.metrics.get("changes", {}), CHANGES),
            driving=say_driving(run.metrics["driving"]) if "driving" in run.metrics else "",
            left_out=left_out(run),
            metrics=labelled(run.metrics, METRICS),
            timings=labelled(run.timings, TIMINGS),
            search=list(run.metrics.get("search", {}).items()),
            settings_used=list(run.settings.items()),
            by=self.by(run),
            drivers=drivers,
            released=released,
            can_revert=run.status == DispatchRun.Status.COMPLETED
            and self._has_role(request, self.writing_roles, run),
        )

    def revert(self, request, run):
        """Ask for confirmation (GET); revert the run (POST)."""
        run = get_object_or_404(self._own(request, self.writing_roles), pk=run)
        if request.method != "POST":
            return admin_page(
                self,
                request,
                "dispatch/revert.html",
                title=_("Undo the plan of %(at)s?") % {"at": run.started_clock},
                run=run,
            )
        report = revert_run(run, now=timezone.now(), actor=admin_actor(request))
        for notice in report.notices:
            self.message_user(request, notice, messages.WARNING)
        self.message_user(
            request,
            _("The plan of %(at)s was undone.") % {"at": run.started_clock},
            messages.SUCCESS,
        )
        return redirect("admin:dispatch_dispatchrun_change", report.run)

    def _own(self, request, roles):
        return DispatchRun.objects.filter(
            company__in=companies_of(request.user, roles)
        ).select_related("company")
