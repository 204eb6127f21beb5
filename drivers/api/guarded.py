"""Create, change and delete what decides which trips a driver can drive, past the guards.

The row is read first without a lock: `changing` locks its drivers before it.
"""

from contextlib import contextmanager
from copy import copy

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.response import Response

from drivers.fleet.changes import StaleRow, changing
from drivers.rest.access import actor_of
from drivers.rest.fields import Body, ids_of, read_body
from drivers.rest.views import (
    CompanyViewSet,
    Creates,
    Reads,
    changes_of,
    locked_row,
    set_values,
)

RELEASE = OpenApiParameter(
    "release",
    str,
    description="Ids of the assignments that may be released, with commas between them.",
)


def guarded(viewset):
    """Describe the parameter of the actions that pass the guards."""
    actions = (name for name in GuardedViewSet.params if hasattr(viewset, name))
    described = {name: extend_schema(parameters=[RELEASE]) for name in actions}
    return extend_schema_view(**described)(viewset)


class GuardedViewSet(Creates, Reads, CompanyViewSet):
    """Rows that decide which trips a driver can drive: their changes pass the guards.

    A change that would break assigned trips answers 409 with the list; sent again with
    `?release=` and the ids of exactly these assignments, it releases them.
    """

    params = {
        name: ["release"] for name in ("create", "partial_update", "destroy", "exchange_vehicle")
    }

    def insert(self, instance):
        with self.changing([], instance):
            super().insert(instance)

    def partial_update(self, request, *args, **kwargs):
        read = self.read_row()
        values = changes_of(self, read)
        wanted = copy(read)
        for name, value in values.items():
            setattr(wanted, name, value)
        with self.changing([read], wanted) as change:
            (instance,) = change.stored
            self.compare(instance)
            set_values(self.owned(instance), values)
        return self.tagged(instance)

    def read_row(self):
        """Return the row of the URL, not locked yet."""
        instance = self.get_object()
        self.compare(instance)
        return instance

    @contextmanager
    def changing(self, read, row):
        """Lock and guard the change. Whose row was deleted or changed meanwhile is told that."""
        what = self.queryset.model._meta.verbose_name
        try:
            with changing(
                read,
                row,
                actor=actor_of(self.request),
                now=timezone.now(),
                agreed=ids_of(self.request, "release"),
                reason=gettext("%(what)s changed") % {"what": what},
            ) as change:
                yield change
        except StaleRow:
            if read:
                with transaction.atomic():
                    locked_row(self)  # 404, or 412 with the `If-Match` of another state
            raise


class DeletableViewSet(GuardedViewSet):
    def destroy(self, request, *args, **kwargs):
        read_body(Body, request)
        with self.changing([self.read_row()], None) as change:
            (instance,) = change.stored
            self.compare(instance)
            instance.delete()
        return Response(status=204)
