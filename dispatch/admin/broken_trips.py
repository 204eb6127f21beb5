"""Ask before a change breaks assigned trips: the page that lists them."""

from django.db import transaction

from dispatch.trips.fleet_changes import TripsBroken
from drivers.admin.fleet import AGREED
from drivers.admin.pages import admin_page
from drivers.refused import Refused

MOVED = "move"  # the form's field with the ids of the assignments that may be moved


class WarnsOfBrokenTrips:
    """Mixin for an admin whose changes may break trips: show which, and ask.

    Agreeing saves the change and releases exactly these trips or, if `may_move`, moves them to
    the new time of the same driver; declining changes nothing.
    """

    may_move = False
    shown_apart: tuple[type[Refused], ...] = (TripsBroken,)

    def changeform_view(self, request, *args, **kwargs):
        return self._asking(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request, *args, **kwargs):
        return self._asking(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request, *args, **kwargs):
        view = super().changelist_view
        if request.method == "POST":
            # Django logs the deletion of selected rows before it deletes them.
            view = transaction.atomic(view)
        return self._asking(request, view, *args, **kwargs)

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
                may_move=self.may_move,
                posted=[
                    (name, value)
                    for name, values in request.POST.lists()
                    if name not in (AGREED, MOVED, "csrfmiddlewaretoken")
                    for value in values
                ],
            )
