"""What a person may ask for: a file of everything that is stored of them, and to be forgotten."""

from django.contrib import messages
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bookings.models import Client, Reading
from bookings.privacy.export import export_person
from bookings.privacy.forget import (
    CannotForget,
    ReasonForgotten,
    forget,
    what_is_known,
)
from bookings.privacy.readings import note_reading
from drivers.admin.base import CompanyScopedAdmin
from drivers.admin.pages import admin_page
from drivers.companies.actors import admin_actor
from drivers.companies.current import act_for
from drivers.companies.roles import OWNERS, companies_of

AT_ONCE = 4  # steps of 500 trips in one request; the rest is done with the daily commands


class ForgetsClients(CompanyScopedAdmin):
    """Add both to the admin of clients, for owners."""

    def get_urls(self):
        admin_view = self.admin_site.admin_view
        return [
            path(
                "<int:person>/export/",
                admin_view(require_safe(self.export_person)),
                name="bookings_client_export_person",
            ),
            path(
                "<int:person>/forget/",
                admin_view(self.forget_person),
                name="bookings_client_forget",
            ),
            *super().get_urls(),
        ]

    def may_forget(self, request, client):
        """Return whether the user is an owner of the client's company."""
        return self._has_role(request, OWNERS, client)

    def export_person(self, request, person):
        """Send everything that is stored of the client as a file."""
        client = _of_owner(request, person)
        note_reading(client, Reading.What.EXPORT, actor=admin_actor(request), now=timezone.now())
        response = StreamingHttpResponse(export_person(client), content_type="application/json")
        response["Content-Disposition"] = f'attachment; filename="client-{client.pk}.json"'
        response["Cache-Control"] = "no-store, private"
        return response

    def forget_person(self, request, person):
        """Say what forgetting means; on POST, with a reason and a tick, do it."""
        client = _of_owner(request, person)
        act_for(request, client.company_id)
        refused = ""
        if request.method == "POST":
            try:
                erasure = self._forget(request, client)
            except (CannotForget, ReasonForgotten) as refusal:
                refused = str(refusal)
            else:
                done = erasure is None or erasure.done_at
                said = _("This person is forgotten.") if done else _(
                    "This person is being forgotten: the rest is done with the daily commands."
                )  # fmt: skip
                self.message_user(request, said, messages.SUCCESS)
                return redirect("admin:bookings_client_change", client.pk)
        return admin_page(
            self,
            request,
            "bookings/forget.html",
            title=_("Forget this person"),
            status=409 if refused else 200,
            person=client,
            known=what_is_known(client),
            refused=refused,
            reason=request.POST.get("reason", "")[:200],
        )

    def _forget(self, request, client):
        if "sure" not in request.POST:
            raise ReasonForgotten(_("Tick that you are sure."))
        return forget(
            client,
            reason=request.POST.get("reason", ""),
            actor=admin_actor(request),
            now=timezone.now(),
            most=AT_ONCE,
        )


def _of_owner(request, person):
    """Return the client, if the user is an owner of the company. Raises Http404."""
    companies = companies_of(request.user, OWNERS)
    rows = Client.objects.filter(company__in=companies, pk=person)
    client = rows.select_related("company").first()
    if client is None:
        raise Http404
    return client
