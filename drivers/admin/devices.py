"""The admin page of a driver's phones: make a link, show it once, shut a phone out."""

import segno
from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from drivers.admin.base import CompanyScopedAdmin
from drivers.admin.pages import admin_page
from drivers.companies.current import act_for
from drivers.companies.devices import LINK_LIVES, make_link, revoke_devices
from drivers.companies.roles import companies_of
from drivers.models import Device, Driver

SHOWN = 20


class HasPhones(CompanyScopedAdmin):
    """Add the page to the admin of drivers: owners and dispatchers let phones in."""

    actions_detail = ["phones"]

    def has_phones_permission(self, request, object_id=None):
        """Say whether the user may let phones in at all; whose phones, the page itself asks."""
        return self.has_add_permission(request)

    @action(
        description=gettext_lazy("Phones"),
        url_path="phones",
        icon="smartphone",
        permissions=["phones"],
    )
    def phones(self, request, object_id):
        """Show the driver's phones: 1 statement more. POST makes a link, or shuts a phone out.

        A link is on the page that made it, and nowhere else.
        """
        companies = companies_of(request.user, self.writing_roles)
        rows = Driver.objects.filter(company__in=companies).select_related("company")
        driver = get_object_or_404(rows, pk=object_id if object_id.isdecimal() else 0)
        act_for(request, driver.company_id)
        now, address = timezone.now(), ""
        if request.method == "POST" and "revoke" in request.POST:
            return self._revoke(request, driver, now)
        if request.method == "POST":
            _device, secret = make_link(driver, user_id=request.user.pk, now=now)
            address = request.build_absolute_uri(reverse("drive:link", args=[secret]))
        devices = driver.devices.exclude(paired_at=None, link_ends_at__lte=now)
        return admin_page(
            self,
            request,
            "drivers/phones.html",
            title=_("Phones of %(driver)s") % {"driver": driver},
            driver=driver,
            devices=devices.order_by("revoked_at", "-id")[:SHOWN],
            forgotten_days=Device.FORGOTTEN_AFTER.days,
            address=address,
            hours=LINK_LIVES.total_seconds() // 3600,
            picture=_picture(address) if address else "",
        )

    def _revoke(self, request, driver, now):
        pk = request.POST["revoke"]
        wanted = driver.devices.filter(pk=pk if pk.isdecimal() and len(pk) < 19 else 0)
        if revoke_devices(wanted, now=now):
            text = _("The phone is shut out. What it shows is gone once it has network.")
            self.message_user(request, text, messages.SUCCESS)
        return redirect("admin:drivers_driver_phones", object_id=driver.pk)


def _picture(address):
    """Return the QR code of an address as an SVG element without styles or scripts."""
    return segno.make(address, error="m").svg_inline(
        omitsize=True, border=4, dark="#000", light="#fff", svgclass=None, lineclass=None
    )
