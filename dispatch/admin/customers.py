"""The pages of a customer's wards: make one, show its address once, revoke it."""

from typing import cast

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanWidget,
)

from bookings.models import CompanyPlace, WardPage
from dispatch.messages.ward_pages import (
    MOST_DAYS,
    USUAL_DAYS,
    make_ward_page,
    maker_stays,
    revoke_ward_pages,
)
from drivers.admin import customers
from drivers.admin.pages import admin_page
from drivers.companies.current import act_for
from drivers.companies.roles import companies_of
from drivers.models import Customer

SHOWN = 50  # and all that are open


class WardForm(forms.Form):
    place = forms.ModelChoiceField(
        CompanyPlace.objects.none(),
        label=gettext_lazy("Place"),
        help_text=gettext_lazy("The customer's trips to and from this place are shown."),
        widget=UnfoldAdminSelectWidget,
    )
    shows_names = forms.BooleanField(
        label=WardPage._meta.get_field("shows_names").verbose_name,
        help_text=WardPage._meta.get_field("shows_names").help_text,
        required=False,
        widget=UnfoldBooleanWidget,
    )
    days = forms.IntegerField(
        label=gettext_lazy("Days"),
        min_value=1,
        max_value=MOST_DAYS,
        initial=USUAL_DAYS,
        help_text=gettext_lazy("1 to 366. Then the page closes, and a new one is made."),
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def __init__(self, data, *, company):
        super().__init__(data)
        rows = CompanyPlace.objects.filter(company=company)
        place = cast(forms.ModelChoiceField, self.fields["place"])
        place.queryset = rows.order_by("name", "id")


class CustomerAdmin(customers.CustomerAdmin):
    """Customers, whose wards may have a page: owners and dispatchers make it."""

    actions_detail = ["wards"]

    def has_wards_permission(self, request, object_id=None):
        """Say whether the user may make pages at all; whose, the page itself asks."""
        return self.has_add_permission(request)

    @action(
        description=gettext_lazy("Pages of wards"),
        url_path="wards",
        icon="local_hospital",
        permissions=["wards"],
    )
    def wards(self, request, object_id):
        """Show the pages of the customer's wards: 2 statements more. POST makes or revokes one.

        The address of a page is on the page that made it, and nowhere else.
        """
        companies = companies_of(request.user, self.writing_roles)
        rows = Customer.objects.filter(company__in=companies).select_related("company")
        customer = get_object_or_404(rows, pk=object_id if object_id.isdecimal() else 0)
        act_for(request, customer.company_id)
        now, address = timezone.now(), ""
        if request.method == "POST" and "revoke" in request.POST:
            return self._revoke(request, customer, now)
        form = WardForm(
            request.POST if request.method == "POST" else None, company=customer.company
        )
        if form.is_valid():
            _page, key = make_ward_page(
                customer, user_id=request.user.pk, now=now, **form.cleaned_data
            )
            address = request.build_absolute_uri(f"{reverse('ward_page')}?k={key}")
        pages = WardPage.objects.filter(customer=customer).annotate(maker_stays=maker_stays())
        newest = pages.order_by("-id").values("pk")[:SHOWN]
        # Whatever is open can be closed, however old it is.
        seen = pages.filter(Q(revoked_at=None, ends_at__gt=now) | Q(pk__in=newest))
        return admin_page(
            self,
            request,
            "dispatch/wards.html",
            title=_("Pages of wards: %(customer)s") % {"customer": customer},
            customer=customer,
            form=form,
            pages=seen.select_related("place", "made_by").order_by("-id"),
            address=address,
            now=now,
            status=400 if form.errors else 200,
        )

    def _revoke(self, request, customer, now):
        pk = request.POST["revoke"]
        wanted = WardPage.objects.filter(
            customer=customer, pk=pk if pk.isdecimal() and len(pk) < 19 else 0
        )
        if revoke_ward_pages(wanted, now=now):
            text = _("The page is closed: its address opens nothing any more.")
            self.message_user(request, text, messages.SUCCESS)
        return redirect("admin:drivers_customer_wards", object_id=customer.pk)
