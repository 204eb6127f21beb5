from django.contrib import admin

from dispatch.models import Assignment, DispatchRun
from drivers.admin import ReadOnlyAdmin


@admin.register(DispatchRun)
class DispatchRunAdmin(ReadOnlyAdmin):
    list_display = ["id", "company", "day", "trigger", "status", "started_at"]
    list_select_related = ["company"]
    ordering = ["-id"]


@admin.register(Assignment)
class AssignmentAdmin(ReadOnlyAdmin):
    list_display = ["planned_pickup_at", "planned_dropoff_at", "booking", "driver", "status"]
    list_select_related = ["booking", "driver"]
    ordering = ["-planned_pickup_at", "-id"]
