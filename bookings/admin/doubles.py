"""Pages of probable doubles among clients, and of the merge of two."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from bookings.doubles import Same, probable_doubles
from bookings.merge import CannotMerge, merge_clients, preview_merge
from bookings.models import Client
from drivers.admin.base import CompanyScopedAdmin
from drivers.admin.fleet import agreed_trips
from drivers.admin.pages import admin_page
from drivers.companies.actors import admin_actor
from drivers.companies.current import act_for
from drivers.companies.roles import companies_of

SAME = {
    Same.NAME: gettext_lazy("the same name"),
    Same.PHONE: gettext_lazy("the same telephone number"),
}


class MergesClients(CompanyScopedAdmin):
    """Add the pages to the admin of clients; two become one only when a person confirms it."""

    actions_list = ["doubles"]

    def get_urls(self):
        view = self.admin_site.admin_view(self.merge)
        address = "<int:kept>/merge/<int:gone>/"
        return [path(address, view, name="bookings_client_merge"), *super().get_urls()]

    @action(
        description=gettext_lazy("Probable doubles"),
        url_path="doubles",
        icon="group",
        permissions=["change"],
    )
    def doubles(self, request):
        """List those who may be one person, of the current company."""
        groups = [(SAME[one.same], one.clients) for one in probable_doubles(request.company)]
        title = _("Clients who may be one person")
        return admin_page(self, request, "bookings/doubles.html", title=title, groups=groups)

    def merge(self, request, kept, gone):
        """Say what the merge means; on POST do exactly that."""
        companies = companies_of(request.user, self.writing_roles)
        rows = Client.objects.filter(company__in=companies).select_related("company", "customer")
        found = rows.in_bulk([kept, gone])
        if not {kept, gone} <= found.keys():
            raise Http404
        kept, gone = found[kept], found[gone]
        act_for(request, kept.company_id)
        doubles = redirect("admin:bookings_client_doubles")
        if request.method == "POST":
            try:
                merged = merge_clients(
                    kept.pk,
                    gone.pk,
                    actor=admin_actor(request),
                    now=timezone.now(),
                    agreed=agreed_trips(request),
                    seen=request.POST.get("seen", ""),
                )
            except CannotMerge as refused:
                self.message_user(request, str(refused), messages.ERROR)
                return doubles
            said = _("%(gone)s and %(kept)s are one client now.")
            self.message_user(request, said % {"gone": gone, "kept": merged}, messages.SUCCESS)
            return redirect("admin:bookings_client_change", merged.pk)
        try:
            merge = preview_merge(kept, gone)
        except CannotMerge as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return doubles
        return admin_page(
            self,
            request,
            "bookings/merge.html",
            title=_("Merge two clients"),
            merge=merge,
            taken=_labelled(merge.taken),
            lost=_labelled(merge.lost),
            other_way=reverse("admin:bookings_client_merge", args=[gone.pk, kept.pk]),
        )


def _labelled(values):
    fields = {field.name: field.verbose_name for field in Client._meta.fields}
    return [(fields[name], value) for name, value in values.items()]
