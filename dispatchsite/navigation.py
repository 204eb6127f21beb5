"""Callbacks of the admin's theme: sidebar, choice of companies, timezone."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bookings.admin.telephone import NAME as TELEPHONE
from bookings.models import Booking
from drivers.admin.roster import NAME as ROSTER
from drivers.models import Shift

# (title, [(title, icon, the URL's name)]); a model's list stands for the model.
GROUPS = (
    (
        _("Today"),
        (
            (_("Board"), "view_timeline", "board:open"),
            (_("Bookings"), "event_note", "bookings_booking_changelist"),
            (_("New booking"), "call", TELEPHONE),
            (_("Standing orders"), "event_repeat", "bookings_series_changelist"),
            (_("Clients"), "groups", "bookings_client_changelist"),
            (_("Customers"), "domain", "drivers_customer_changelist"),
            (_("Places"), "location_on", "bookings_companyplace_changelist"),
        ),
    ),
    (
        _("Fleet"),
        (
            (_("Drivers"), "person", "drivers_driver_changelist"),
            (_("Vehicles"), "directions_car", "drivers_vehicle_changelist"),
            (_("Roster"), "calendar_view_week", ROSTER),
            (_("Shifts"), "schedule", "drivers_shift_changelist"),
            (_("Absences"), "event_busy", "drivers_absence_changelist"),
            (_("Vehicle absences"), "car_repair", "drivers_vehicleabsence_changelist"),
        ),
    ),
    (
        _("Plans"),
        (
            (_("Dispatch runs"), "play_circle", "dispatch_dispatchrun_changelist"),
            (_("Assignments"), "assignment_ind", "dispatch_assignment_changelist"),
            (_("Reports"), "monitoring", "reports:open"),
            (_("Traffic"), "traffic", "drivers_trafficversion_changelist"),
            (_("Events"), "history", "bookings_event_changelist"),
            (_("Messages"), "sms", "bookings_message_changelist"),
        ),
    ),
    (
        _("Company"),
        (
            (_("Companies"), "apartment", "drivers_company_changelist"),
            (_("Message settings"), "forward_to_inbox", "bookings_messagepolicy_changelist"),
            (_("Members"), "badge", "drivers_membership_changelist"),
            (_("Invitations"), "mail", "drivers_invitation_changelist"),
            (_("API tokens"), "key", "drivers_apitoken_changelist"),
            (_("Users"), "manage_accounts", "auth_user_changelist"),
            (_("Performance"), "speed", "perf_measurement_changelist"),
        ),
    ),
)


def sidebar(request):
    """Return the navigation: the pages that exist and the user may see. No statement."""
    admins = _admins()
    groups = [
        {"title": title, "separator": number > 0, "items": items}
        for number, (title, pages) in enumerate(GROUPS)
        if (items := [item for page in pages if (item := _item(request, admins, *page))])
    ]
    links = [item["link"] for group in groups for item in group["items"]]
    here = max(filter(request.path.startswith, links), key=len, default=None)
    for group in groups:
        for item in group["items"]:
            item["active"] = item["link"] == here
    return groups


def _item(request, admins, title, icon, name):
    model_admin = admins.get(name)
    if model_admin is not None and not model_admin.has_module_permission(request):
        return None
    if name == TELEPHONE and not admin.site.get_model_admin(Booking).has_add_permission(request):
        return None
    if name == ROSTER and not admin.site.get_model_admin(Shift).has_view_permission(request):
        return None
    try:
        link = reverse(f"admin:{name}")
    except NoReverseMatch:
        return None
    return {"title": title, "icon": icon, "link": link}


def _admins():
    return {
        f"{model._meta.app_label}_{model._meta.model_name}_changelist": model_admin
        for model, model_admin in admin.site._registry.items()
    }


def favicon(request):
    return static("dispatchsite/favicon.svg")


def company_name(request):
    company = getattr(request, "company", None)
    return company.name if company else ""


def companies(request):
    """Return the companies to choose from, or none if there is only one. No statement."""
    companies = sorted(getattr(request, "companies", []), key=lambda company: company.name)
    if len(companies) < 2:
        return []
    return [{"title": c.name, "link": reverse("choose_company", args=[c.slug])} for c in companies]


def account_links(request):
    """Return the links of the menu of one's account."""
    if not request.user.is_authenticated:
        return []
    return [
        {"title": _("Your account"), "link": reverse("admin:account")},
        {"title": _("Change password"), "link": reverse("admin:password_change")},
    ]


def zone(request):
    """Return the timezone of all times on the page, shown beside its title."""
    now = timezone.localtime()
    return [f"{timezone.get_current_timezone_name()} · UTC{now:%z}", "info"]
