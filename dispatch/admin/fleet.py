"""Warn on the fleet's pages before a change breaks assigned trips.

They list the trips before anything is saved. Agreeing saves the change and releases exactly these
trips; declining changes nothing.
"""

from contextlib import contextmanager

from django.contrib import messages
from django.db.models import Q
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.actors import admin_actor
from bookings.admin.exporting import ExportsList
from bookings.save import StaleBookingError
from dispatch.trips.fleet_changes import TripsBroken, change_of_fleet
from drivers.admin import fleet
from drivers.admin.pages import admin_page
from drivers.models import Driver

AGREED = "release"  # the form's field with the ids of the assignments that may be released


class WarnsOfBrokenTrips:
    """Mixin for the admin of a model whose rows decide which trips a driver can drive."""

    def drivers_of(self, rows):
        """Return the condition for the drivers that a change of these rows affects."""
        return Q(pk__in=[row.driver_id for row in rows])

    def save_model(self, request, obj, form, change):
        stored = list(self.model.objects.filter(pk=obj.pk)) if change else []
        with self._change(request, [*stored, obj]):
            super().save_model(request, obj, form, change)

    def delete_model(self, request, obj):
        with self._change(request, [obj]):
            super().delete_model(request, obj)

    def delete_queryset(self, request, queryset):
        with self._change(request, list(queryset)):
            super().delete_queryset(request, queryset)

    def changeform_view(self, request, *args, **kwargs):
        return self._asking(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request, *args, **kwargs):
        return self._asking(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request, *args, **kwargs):
        return self._asking(request, super().changelist_view, *args, **kwargs)

    @contextmanager
    def _change(self, request, rows):
        drivers = Driver.objects.filter(self.drivers_of(rows)).values_list("pk", flat=True)
        with change_of_fleet(
            drivers,
            actor=admin_actor(request),
            now=timezone.now(),
            agreed=[int(pk) for pk in request.POST.getlist(AGREED) if pk.isdigit()],
            reason=_("%(what)s changed") % {"what": self.opts.verbose_name},
        ) as released:
            yield
        if released:
            text = ngettext(
                "%(count)d trip was released: it needs a driver again.",
                "%(count)d trips were released: they need a driver again.",
                len(released),
            )
            self.message_user(request, text % {"count": len(released)}, messages.WARNING)

    def _asking(self, request, view, *args, **kwargs):
        """Return the view's response; ask for agreement if the change would break trips."""
        try:
            return view(request, *args, **kwargs)
        except TripsBroken as broken:
            return admin_page(
                self,
                request,
                "dispatch/broken_trips.html",
                title=str(broken),
                status=409,
                trips=broken.trips,
                agreed=AGREED,
                posted=[
                    (name, value)
                    for name, values in request.POST.lists()
                    if name not in (AGREED, "csrfmiddlewaretoken")
                    for value in values
                ],
            )
        except StaleBookingError as stale:
            self.message_user(request, str(stale), messages.ERROR)
            return redirect(request.get_full_path())


class DriverAdmin(WarnsOfBrokenTrips, ExportsList, fleet.DriverAdmin):
    export_columns = {
        "company": "company__slug",
        "name": "name",
        "phone": "phone",
        "kind": "kind",
        "vehicle": "vehicle__plate",
        "skills": "skills",
        "max_bookings": "max_bookings",
        "active": "is_active",
        "available": "is_available",
    }

    def drivers_of(self, rows):
        return Q(pk__in=[row.pk for row in rows])


class VehicleAdmin(WarnsOfBrokenTrips, ExportsList, fleet.VehicleAdmin):
    export_columns = {
        "company": "company__slug",
        "plate": "plate",
        "seats": "seats",
        "wheelchair_places": "wheelchair_places",
        "equipment": "skills",
    }

    def drivers_of(self, rows):
        return Q(vehicle__in=[row.pk for row in rows])


class ShiftAdmin(WarnsOfBrokenTrips, ExportsList, fleet.ShiftAdmin):
    export_columns = {
        "company": "driver__company__slug",
        "driver": "driver__name",
        "start_at": "start_at",
        "end_at": "end_at",
        "break_min": "break_min",
        "break_from_at": "break_from_at",
        "break_until_at": "break_until_at",
        "break_at": "break_at",
    }


class AbsenceAdmin(WarnsOfBrokenTrips, ExportsList, fleet.AbsenceAdmin):
    export_columns = {
        "company": "driver__company__slug",
        "driver": "driver__name",
        "start_at": "start_at",
        "end_at": "end_at",
        "reason": "reason",
        "note": "note",
    }
