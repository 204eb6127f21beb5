"""Pages of companies, members, tokens, users and groups."""

from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from drivers.admin.base import CompanyScopedAdmin
from drivers.admin.members import ApiTokenAdmin, MembershipAdmin
from drivers.admin.pages import site_page
from drivers.admin.places import place_search
from drivers.companies.actors import admin_actor
from drivers.companies.policy import policy_changed
from drivers.logins import second_factor
from drivers.models import ApiToken, Membership, Role

# What the planned times of trips were computed with.
TIMING = {
    "boarding_min", "boarding_wheelchair_min", "boarding_stretcher_min", "alighting_min",
    "speed_kmh", "circuity",
}  # fmt: skip


class CompanyForm(forms.ModelForm):
    depot_address = place_search()

    timezone = forms.ChoiceField(
        label=_("Timezone"),
        choices=[(name, name) for name in sorted(available_timezones())],
        initial="Europe/Zurich",
        widget=UnfoldAdminSelectWidget,
        help_text=_(
            "The company's days begin and end at midnight in this timezone; changing it moves them."
        ),
    )


class CompanyAdmin(CompanyScopedAdmin):
    """A company and its planning policy, which its owners may change."""

    company_path = "pk"
    writing_roles = frozenset({Role.OWNER})
    form = CompanyForm
    list_display = ["name", "slug", "timezone"]
    ordering = ["name", "id"]
    fieldsets = [
        (
            None,
            {"fields": ["name", "slug", "timezone", "depot_address", ("depot_lat", "depot_lon")]},
        ),
        (
            _("Pickup times"),
            {
                "fields": [
                    ("pickup_early_min", "pickup_late_min"),
                    ("return_late_min", "appointment_margin_min"),
                ]
            },
        ),
        (
            _("Trip durations"),
            {
                "fields": [
                    ("boarding_min", "alighting_min"),
                    ("boarding_wheelchair_min", "boarding_stretcher_min"),
                    ("speed_kmh", "circuity"),
                ]
            },
        ),
        (
            _("Planning preferences"),
            {
                "fields": [
                    ("max_bookings_per_driver", "freeze_min"),
                    ("fairness", "emergency_cost_min"),
                    "plan_without_roads",
                ]
            },
        ),
        (
            _("Shared rides"),
            {
                "fields": [
                    "shares_rides",
                    ("ride_factor", "ride_added_min"),
                    ("ride_longest_min", "ride_cost_percent"),
                ]
            },
        ),
        (_("Corrections"), {"fields": ["correction_hours"]}),
        (
            _("Standing orders"),
            {"fields": ["series_days_ahead", ("holiday_country", "holiday_canton")]},
        ),
        (_("Papers"), {"fields": ["expiry_days", "expired_stop"]}),
        (_("Reports"), {"fields": [("on_time_early_min", "on_time_late_min")]}),
        (_("Personal data"), {"fields": [("forget_after_months", "keep_log_months")]}),
    ]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change:
            changed, actor = form.changed_data, admin_actor(request)
            policy_changed(obj, changed, actor=actor, now=timezone.now())
        if change and TIMING.intersection(form.changed_data):
            text = _(
                "Trips that are planned already keep the times of the old durations: "
                "plan the coming days again."
            )
            self.message_user(request, text, messages.WARNING)

    def _company_id(self, obj):
        return obj.pk

    def has_add_permission(self, request):
        return request.user.is_active and request.user.is_superuser

    def has_delete_permission(self, request, obj=None):
        return request.user.is_active and request.user.is_superuser

    def get_deleted_objects(self, objs, request):
        """A company with bookings stays: say so without reading all that it has."""
        kept = [
            _("The bookings of %(company)s") % {"company": c} for c in objs if c.bookings.exists()
        ]
        return ([], {}, set(), kept) if kept else super().get_deleted_objects(objs, request)

    def get_readonly_fields(self, request, obj=None):
        return [] if request.user.is_superuser else ["slug", "timezone"]


admin.site.register(Membership, MembershipAdmin)
admin.site.register(ApiToken, ApiTokenAdmin)

admin.site.unregister(User)
admin.site.unregister(TOTPDevice)
admin.site.unregister(StaticDevice)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    show_full_result_count = False
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    actions = ["remove_second_factor"]

    @admin.action(
        description=_("Remove the second factor of the selected users"), permissions=["change"]
    )
    def remove_second_factor(self, request, queryset):
        """For who lost phone and recovery codes."""
        second_factor.remove(list(queryset))
        self.message_user(request, _("The second factor is removed."), messages.SUCCESS)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    show_full_result_count = False


@never_cache
def companies_to_choose(request):
    """Ask who belongs to several companies which one they work for."""
    return site_page(
        request,
        "drivers/choose_company.html",
        title=_("Choose a company"),
        companies=sorted(request.companies, key=lambda company: (company.name, company.pk)),
        next=request.GET.get("next", ""),
    )
