"""The admin page for bookings by telephone, and the fragments it loads while the user types."""

from dataclasses import asdict

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.admin.telephone_form import TelephoneForm, preferences_of
from bookings.models import Client
from bookings.offered_times import Offered, offer_times
from bookings.overlaps import insist
from bookings.places.known import OFFERED, known_places, places_of_client, usual_place
from bookings.places.match import Source
from bookings.places.search import search_places
from bookings.search import find_clients
from bookings.telephone import book
from drivers.admin.pages import admin_page
from drivers.companies.actors import admin_actor
from drivers.companies.current import act_for, memberships_of
from drivers.companies.roles import WRITING_ROLES, companies_of
from drivers.times import day_of

NAME = "bookings_booking_telephone"


class BooksByTelephone:
    """Add the page to the admin of bookings, for owners and dispatchers of the company."""

    def get_urls(self):
        views = {
            "": self.telephone,
            "clients/": self.telephone_clients,
            "client/": self.telephone_client,
            "places/": self.telephone_places,
            "map/": self.telephone_map,
            "times/": self.telephone_times,
        }
        return [
            path(
                f"telephone/{end}",
                self.admin_site.admin_view(view),
                name="_".join(filter(None, [NAME, end.strip("/")])),
            )
            for end, view in views.items()
        ] + super().get_urls()

    def telephone(self, request):
        """Show the form; on POST book the trip and show an empty form for the next call."""
        company = self._company(request)
        client = self._client(request, company)
        first = {"day": _day(request), "client": client, "new_at_home": True}
        first["wheelchairs"] = int(client is not None and client.wheelchair)
        if client is not None and (usual := usual_place(client)):
            first |= {f"pickup_{what}": value for what, value in asdict(usual).items()}
        form = TelephoneForm(request.POST or None, company=company, initial=first)
        if form.is_valid():
            try:
                actor, now = admin_actor(request), timezone.now()
                booked = insist(
                    form.overlaps_meant, lambda meant: book(form.call(meant), actor=actor, now=now)
                )
            except ValidationError as refusal:
                _add_errors(form, refusal)
            else:
                self.message_user(request, _booked_message(booked), messages.SUCCESS)
                return redirect(f"admin:{NAME}")
        if form.is_bound:
            client = form.cleaned_data.get("client")
        return admin_page(
            self,
            request,
            "bookings/telephone.html",
            title=_("Booking by telephone"),
            form=form,
            company=company,
            focus=not form.is_bound,
            **_client_context(client),
        )

    def telephone_clients(self, request):
        """Suggest clients by a part of their name or phone: 1 statement more."""
        company, words = self._company(request), request.GET.get("q", "").strip()
        clients = find_clients(company, words)[:OFFERED] if words else ()
        context = {"clients": clients, "words": words, "company": company}
        return render(request, "bookings/telephone_clients.html", context)

    def telephone_client(self, request):
        """Show the chosen client and their places, or the search: 4 statements more."""
        company = self._company(request)
        client = self._client(request, company)
        form = TelephoneForm(company=company, initial={"client": client, "new_at_home": True})
        context = {"form": form, "company": company, "focus": True, **_client_context(client)}
        return render(request, "bookings/telephone_client.html", context)

    def telephone_places(self, request):
        """Answer the search of a field of an address (drivers/static/drivers/places.js)."""
        company, words = self._whose_places(request), request.GET.get("q", "").strip()
        found = search_places(company, words) if words else []
        says = ngettext("%(count)d place found", "%(count)d places found", len(found))
        context = {
            "places": [(place, _note(place)) for place in found],
            "says": says % {"count": len(found)},
        }
        return render(request, "bookings/telephone_places.html", context)

    def telephone_map(self, request):
        """Answer what a field's map shows (drivers/static/drivers/places_map.js)."""
        company = self._whose_places(request)
        places = known_places(company) if company else []
        return JsonResponse({
            "center": [company.depot_lat, company.depot_lon] if company else None,
            "places": [[place.lat, place.lon, place.address] for place in places],
            "tiles": settings.MAP_TILES_URL,
            "attribution": settings.MAP_TILES_ATTRIBUTION,
        })  # fmt: skip

    def _whose_places(self, request):
        """Return the company as `_company` does; None for whoever makes the first one."""
        makes_first = request.company is None and request.user.has_perm("drivers.add_company")
        return None if makes_first and "company" not in request.GET else self._company(request)

    def telephone_times(self, request):
        """Show when the trip can be driven, once both ends are known: 10 statements more."""
        company = self._company(request)
        form = TelephoneForm(request.GET, company=company)
        trip, now = form.asked_about(timezone.now()), timezone.now()
        offered = None
        if trip is not None:
            try:
                offered = offer_times(company, trip, now=now)
            except ValidationError as refusal:
                offered = Offered((), " ".join(refusal.messages))
        context = {"offered": offered, "company": company}
        return render(request, "bookings/telephone_times.html", context)

    def _company(self, request):
        """Return the company named by the request, else the current one.

        Raises Http404 for a company where the user may not write, PermissionDenied without one.
        """
        if not self.has_add_permission(request):
            raise PermissionDenied
        slug = request.POST.get("company") or request.GET.get("company")
        if slug:
            company = get_object_or_404(companies_of(request.user, WRITING_ROLES), slug=slug)
            act_for(request, company.pk)
            return company
        company = request.company
        writes = request.user.is_superuser or any(
            row.company_id == company.pk and row.role in WRITING_ROLES
            for row in memberships_of(request)
        )
        if company is None or not writes:
            raise PermissionDenied
        return company

    def _client(self, request, company):
        chosen = request.GET.get("client", "")
        if not chosen:
            return None
        of_company = Client.objects.filter(company=company)
        return get_object_or_404(of_company, pk=chosen if chosen.isdecimal() else 0)


def _day(request):
    """Return the day that the link has named, else today."""
    try:
        return day_of(request.GET.get("day", ""))
    except ValueError:
        return timezone.localdate()


def _client_context(client):
    if client is None:
        return {"chosen": None}
    preferred, forbidden = preferences_of(client)
    places = places_of_client(client)
    return {"chosen": client, "places": places, "preferred": preferred, "forbidden": forbidden}


def _note(match):
    """Return where a place is known from, and that it is no house."""
    notes = {
        Source.COMPANY: _("known place"),
        Source.REGISTER: _("address register"),
        Source.GEOCODER: _("geocoder"),
    }
    inexact = () if match.is_exact else (_("without a house number: check the position"),)
    return " · ".join((notes[match.source], *inexact))


def _add_errors(form, refusal):
    """Add the errors of the use-case to their fields, or to the form."""
    for name, errors in refusal.error_dict.items():
        name = {"scheduled_time": "pickup_at"}.get(name, name)
        form.add_error(name if name in form.fields else None, errors)


def _booked_message(booked):
    there = booked[0]
    links = [
        format_html(
            '<a class="underline" href="{}">{}</a>',
            reverse("admin:bookings_booking_change", args=[booking.pk]),
            booking,
        )
        for booking in booked
    ]
    another = format_html(
        '<a class="underline" href="{}?company={}&amp;client={}">{}</a>',
        reverse(f"admin:{NAME}"),
        there.company.slug,
        there.client_id,
        _("Book another trip for this client"),
    )
    repeat = format_html(
        '<a class="underline" href="{}?booking={}">{}</a>',
        reverse("admin:bookings_series_add"),
        there.pk,
        _("Make this a standing order"),
    )
    at = there.company.day_and_clock(there.scheduled_time)
    said = {"client": there.client, "at": at, "another": another, "repeat": repeat}
    if len(links) == 1:
        sentence = _("Booked for {client} on {at}: {there}. {another}. {repeat}.")
        return format_html(sentence, there=links[0], **said)
    sentence = _(
        "Booked for {client} on {at}: {there}, with the return trip {back}. {another}. {repeat}."
    )
    return format_html(sentence, there=links[0], back=links[1], **said)
