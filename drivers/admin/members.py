"""Pages of members and API tokens, for owners of the company."""

from datetime import timedelta

from django import forms
from django.contrib import admin, messages
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from drivers.admin.base import CompanyScopedAdmin
from drivers.admin.pages import admin_page
from drivers.companies.members import add_member, change_role, remove_member
from drivers.companies.roles import OWNERS, companies_of
from drivers.companies.tokens import LONGEST, issue_token, revoke_tokens
from drivers.models import ApiToken, Customer, Membership, Role

ROLES = _(
    "Owner: everything, including members. Dispatcher: bookings, fleet and plans. "
    "Viewer: read only. Driver: own trips, through the API. Client system: bookings and "
    "clients of one customer, through the API."
)


class OwnersAdmin(CompanyScopedAdmin):
    """Pages for owners only."""

    reading_roles = writing_roles = OWNERS

    def get_actions(self, request):
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def show_once(self, request, *, title, message, secret):
        """Return a page that shows a secret once; it is not stored."""
        return admin_page(
            self, request, "drivers/shown_once.html", title=title, message=message, secret=secret
        )


class NewMemberForm(forms.ModelForm):
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        help_text=_(
            "If there is no such account, it is created and its password is shown to you once."
        ),
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = Membership
        fields = ["company", "role", "customer"]


class MembershipAdmin(OwnersAdmin):
    list_display = ["user", "company", "role", "customer", "shown_name", "last_login"]
    list_select_related = ["user", "company", "customer"]
    list_filter = ["role"]
    search_fields = ["user__username", "user__first_name", "user__last_name"]
    ordering = ["company__name", "id"]

    @display(description=_("name"))
    def shown_name(self, membership):
        return membership.user.get_full_name()

    @display(description=_("last login"))
    def last_login(self, membership):
        return membership.user.last_login

    def get_fieldsets(self, request, obj=None):
        who = ["company", "user"] if obj else ["company", "username"]
        return [(None, {"fields": [*who, "role", "customer"], "description": ROLES})]

    def has_add_permission(self, request):
        """Owners invite; who runs the server may add an account by its name."""
        return request.user.is_active and request.user.is_superuser

    def get_form(self, request, obj=None, change=False, **kwargs):
        if obj is None:
            kwargs["form"] = NewMemberForm
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request, obj=None):
        return ["company", "user"] if obj else []

    def save_model(self, request, obj, form, change):
        if change:
            change_role(obj, obj.role, by=request.user, customer=obj.customer)
            return
        added, request.password = add_member(
            obj.company,
            form.cleaned_data["username"],
            obj.role,
            by=request.user,
            customer=obj.customer,
        )
        obj.pk, obj.user = added.pk, added.user

    def delete_model(self, request, obj):
        remove_member(obj, by=request.user)

    def response_add(self, request, obj, post_url_continue=None):
        if request.password is None:
            return super().response_add(request, obj, post_url_continue)
        return self.show_once(
            request,
            title=_("%(user)s is now a member") % {"user": obj.user},
            message=_("Password of the new account; it should be changed after the first login:"),
            secret=request.password,
        )


class NewTokenForm(forms.ModelForm):
    role = forms.ChoiceField(
        label=_("Role"),
        choices=[("", _("the member's own")), *Role.choices],
        required=False,
        help_text=_("Cannot exceed the member's own role."),
        widget=UnfoldAdminSelectWidget,
    )
    days = forms.IntegerField(
        label=_("Valid for (days)"),
        min_value=1,
        max_value=LONGEST.days,
        initial=90,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = ApiToken
        fields = ["membership", "name", "customer"]
        labels = {"membership": _("Member")}
        help_texts = {
            "name": _("Who or what uses it; shown in the event log."),
            "customer": _("Of a client system, unless the member is one already."),
        }

    def _post_clean(self):
        """Skip the model's validation: `issue_token` creates and checks the row."""


class ApiTokenAdmin(OwnersAdmin):
    """Tokens are created and revoked, never changed or deleted."""

    company_path = "membership__company"
    list_display = [
        "name",
        "ending",
        "member",
        "role",
        "state",
        "created_at",
        "last_used_at",
        "expires_at",
    ]
    list_select_related = ["membership__user", "membership__company"]
    ordering = ["-id"]
    search_fields = ["name", "ending"]
    actions = ["revoke"]
    exclude = ["digest"]

    @display(description=_("member"))
    def member(self, token):
        return f"{token.membership.user} ({token.membership.company})"

    @display(
        description=_("state"),
        label={_("valid"): "success", _("expired"): "warning", _("revoked"): "danger"},
    )
    def state(self, token):
        if token.revoked_at:
            return _("revoked")
        return _("valid") if token.expires_at > timezone.now() else _("expired")

    def has_change_permission(self, request, obj=None):
        return False

    def has_revoke_permission(self, request):
        return self.has_add_permission(request)

    def has_delete_permission(self, request, obj=None):
        return False

    def get_fieldsets(self, request, obj=None):
        if obj is None:
            return [(None, {"fields": ["membership", "name", "role", "customer", "days"]})]
        return super().get_fieldsets(request, obj)

    def get_form(self, request, obj=None, change=False, **kwargs):
        if obj is None:
            kwargs["form"] = NewTokenForm
        return super().get_form(request, obj, change, **kwargs)

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "customer":
            owned = companies_of(request.user, OWNERS)
            rows = Customer.objects.filter(company__in=owned).select_related("company")
            kwargs["queryset"] = rows.order_by("company__name", "name", "id")
            field = super().formfield_for_foreignkey(db_field, request, **kwargs)
            field.label_from_instance = lambda row: f"{row} · {row.company}"
            return field
        kwargs["queryset"] = (
            Membership.objects.filter(company__in=companies_of(request.user, OWNERS))
            .select_related("user", "company")
            .order_by("company__name", "user__username", "id")
        )
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.label_from_instance = lambda row: (
            f"{row.user} · {row.get_role_display()} · {row.company}"
        )
        return field

    def save_model(self, request, obj, form, change):
        values = form.cleaned_data
        token, request.key = issue_token(
            values["membership"],
            name=values["name"],
            role=values["role"] or None,
            customer=values["customer"],
            lifetime=timedelta(days=values["days"]),
            now=timezone.now(),
        )
        obj.pk, obj.name, obj.ending = token.pk, token.name, token.ending

    def response_add(self, request, obj, post_url_continue=None):
        return self.show_once(
            request,
            title=_("Token “%(name)s” created") % {"name": obj.name},
            message=_("Copy it now: it is not stored and cannot be shown again."),
            secret=request.key,
        )

    @admin.action(description=_("Revoke the selected tokens"), permissions=["revoke"])
    def revoke(self, request, queryset):
        count = revoke_tokens(queryset, now=timezone.now())
        message = ngettext("%(count)d token revoked.", "%(count)d tokens revoked.", count)
        self.message_user(request, message % {"count": count}, messages.SUCCESS)
