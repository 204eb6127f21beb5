"""The page of a place that has moved: its coming trips first, then one action for all of them."""

from copy import copy
from functools import partial

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminTextInputWidget

from bookings.models import CompanyPlace
from bookings.series.moved import move_place
from drivers.admin.base import CompanyScopedAdmin
from drivers.admin.fleet import PK
from drivers.admin.forms import ChecksWholeRow
from drivers.admin.pages import admin_page
from drivers.admin.places import PlaceInput
from drivers.companies.actors import admin_actor
from drivers.companies.current import act_for
from drivers.companies.roles import companies_of
from drivers.refused import Refused

SHOWN = 200


class MovedForm(ChecksWholeRow):
    """The new address and position of a place."""

    class Meta:
        model = CompanyPlace
        fields = ["address", "lat", "lon"]
        labels = {"address": gettext_lazy("New address")}
        widgets = {
            "address": PlaceInput,
            "lat": UnfoldAdminTextInputWidget,
            "lon": UnfoldAdminTextInputWidget,
        }


class MovesPlaces(CompanyScopedAdmin):
    """Add the page to the admin of places, for whoever may write them."""

    def get_urls(self):
        view = self.admin_site.admin_view(self.moved)
        return [
            path("<int:place>/moved/", view, name="bookings_companyplace_moved"),
            *super().get_urls(),
        ]

    def moved(self, request, place):
        """List the coming trips of a place; on POST say what the move means, then do it."""
        companies = companies_of(request.user, self.writing_roles)
        rows = CompanyPlace.objects.filter(company__in=companies).select_related("company")
        found = rows.filter(pk=place).first()
        if found is None:
            raise Http404
        act_for(request, found.company_id)
        was = copy(found)
        form = MovedForm(request.POST or None, instance=found)
        form.places_of = found.company
        move = partial(move_place, was=was, actor=admin_actor(request), now=timezone.now())
        release = {int(pk) for pk in request.POST.getlist("release") if PK.fullmatch(pk)}
        moved = None
        if form.is_valid():
            if "move" in request.POST:
                try:
                    done = move(form.instance, release=release)
                except ValidationError as refusal:
                    form.add_error(None, refusal)
                except Refused as refusal:
                    form.add_error(None, str(refusal))
                else:
                    self.message_user(request, _moved_message(done), messages.SUCCESS)
                    return redirect("admin:bookings_companyplace_change", found.pk)
            moved = move(form.instance, dry_run=True)
        elif not form.is_bound:
            moved = move(found, dry_run=True)
        return admin_page(
            self,
            request,
            "bookings/moved.html",
            title=_("%(place)s has moved") % {"place": found.name},
            place=found,
            before=was.address,
            form=form,
            moved=moved,
            rows=moved.rows[:SHOWN] if moved else (),
            more=max(len(moved.rows) - SHOWN, 0) if moved else 0,
            is_checked=form.is_bound and moved is not None,
        )


def _moved_message(done):
    text = ngettext(
        "The place has its new address, and %(count)d coming trip too.",
        "The place has its new address, and %(count)d coming trips too.",
        len(done.rows),
    )
    return text % {"count": len(done.rows)}
