"""The fleet's pages: they ask before a change breaks trips, and export their lists."""

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from bookings.admin.exporting import ExportsList
from dispatch.admin.broken_trips import WarnsOfBrokenTrips
from dispatch.models import Assignment
from drivers.admin import fleet
from drivers.models import Driver, Shift, Vehicle


class DriverAdmin(WarnsOfBrokenTrips, ExportsList, fleet.DriverAdmin):
    export_columns = {
        "company": "company__slug",
        "name": "name",
        "phone": "phone",
        "kind": "kind",
        "vehicle": "vehicle__plate",
        "skills": "skills",
        "max_bookings": "max_bookings",
        "licence_until": "licence_until",
        "permit_until": "permit_until",
        "active": "is_active",
        "available": "is_available",
    }

    def get_deleted_objects(self, objs, request):
        """A driver who was given trips stays: say so without reading all of them."""
        trips = Assignment.objects.filter(driver=OuterRef("pk"))
        with_trips = Driver.objects.filter(pk__in=[driver.pk for driver in objs])
        kept = [
            _("The trips of %(driver)s") % {"driver": driver}
            for driver in with_trips.filter(Exists(trips)).order_by("name", "id")
        ]
        return ([], {}, set(), kept) if kept else super().get_deleted_objects(objs, request)


class VehicleAdmin(WarnsOfBrokenTrips, ExportsList, fleet.VehicleAdmin):
    export_columns = {
        "company": "company__slug",
        "plate": "plate",
        "seats": "seats",
        "wheelchair_places": "wheelchair_places",
        "other_layouts": "other_layouts",
        "equipment": "skills",
        "insurance_until": "insurance_until",
        "inspection_until": "inspection_until",
        "handover_lat": "handover_lat",
        "handover_lon": "handover_lon",
    }

    def get_deleted_objects(self, objs, request):
        """A vehicle that was in shifts stays: say so without reading all of them."""
        shifts = Shift.objects.filter(vehicle=OuterRef("pk"))
        in_shifts = Vehicle.objects.filter(pk__in=[vehicle.pk for vehicle in objs])
        kept = [
            _("The shifts with %(vehicle)s") % {"vehicle": vehicle}
            for vehicle in in_shifts.filter(Exists(shifts)).order_by("plate", "id")
        ]
        return ([], {}, set(), kept) if kept else super().get_deleted_objects(objs, request)


class ShiftAdmin(WarnsOfBrokenTrips, ExportsList, fleet.ShiftAdmin):
    export_columns = {
        "company": "driver__company__slug",
        "driver": "driver__name",
        "vehicle": "vehicle__plate",
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


class VehicleAbsenceAdmin(WarnsOfBrokenTrips, ExportsList, fleet.VehicleAbsenceAdmin):
    export_columns = {
        "company": "vehicle__company__slug",
        "vehicle": "vehicle__plate",
        "start_at": "start_at",
        "end_at": "end_at",
        "reason": "reason",
        "note": "note",
    }
