"""Invitations: the owner's pages, and the page behind the link."""

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from drivers.admin.base import ListsOneCompany
from drivers.admin.members import ROLES, OwnersAdmin
from drivers.admin.pages import site_page
from drivers.companies.current import CHOSEN
from drivers.companies.roles import STAFF_ROLES
from drivers.logins.invitations import (
    accept,
    accept_as_new,
    find_invitation,
    invite,
    renew,
    send,
    username_of,
    withdraw,
)
from drivers.logins.waiting import INVITED
from drivers.models import Invitation
from drivers.refused import Refused


def link_of(request, key):
    """Return the whole address of the page behind a key."""
    return request.build_absolute_uri(reverse("admin:invited", args=[key]))


class NewInvitationForm(forms.ModelForm):
    class Meta:
        model = Invitation
        fields = ["company", "email", "role", "customer"]

    def _post_clean(self):
        """Skip the model's validation: `invite` creates and checks the row."""


@admin.register(Invitation)
class InvitationAdmin(ListsOneCompany, OwnersAdmin):
    """Invitations are sent, sent again and withdrawn, never changed or deleted."""

    list_display = ["email", "role", "customer", "state", "sent_at", "expires_at"]
    list_select_related = ["customer"]
    list_filter = ["role"]
    search_fields = ["email"]
    ordering = ["-id"]
    actions = ["send_again", "withdraw"]
    exclude = ["digest"]

    @display(
        description=gettext_lazy("state"),
        label={
            gettext_lazy("waits"): "info",
            gettext_lazy("accepted"): "success",
            gettext_lazy("ended"): "warning",
            gettext_lazy("withdrawn"): "danger",
        },
    )
    def state(self, invitation):
        if invitation.accepted_at:
            return gettext_lazy("accepted")
        if invitation.revoked_at:
            return gettext_lazy("withdrawn")
        is_open = invitation.is_open(timezone.now())
        return gettext_lazy("waits") if is_open else gettext_lazy("ended")

    def has_change_permission(self, request, obj=None):
        return False

    def has_send_permission(self, request):
        return self.has_add_permission(request)

    def has_delete_permission(self, request, obj=None):
        return False

    def get_fieldsets(self, request, obj=None):
        if obj is None:
            fields = ["company", "email", "role", "customer"]
            return [(None, {"fields": fields, "description": ROLES})]
        return super().get_fieldsets(request, obj)

    def get_form(self, request, obj=None, change=False, **kwargs):
        if obj is None:
            kwargs["form"] = NewInvitationForm
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request, obj, form, change):
        values = form.cleaned_data
        invitation, key = invite(
            values["company"],
            values["email"],
            values["role"],
            by=request.user,
            customer=values["customer"],
            now=timezone.now(),
        )
        obj.pk, obj.email, obj.role = invitation.pk, invitation.email, invitation.role
        request.links = self._send(request, [(invitation, key)])

    def response_add(self, request, obj, post_url_continue=None):
        if not request.links:
            return super().response_add(request, obj, post_url_continue)
        return self._hand_over(request, request.links)

    def _send(self, request, sent):
        """Send the links; return those that could not be sent, with their addresses."""
        kept = []
        for invitation, key in sent:
            link = link_of(request, key)
            if not send(invitation, link, by=request.user):
                kept.append((invitation.email, link))
        return kept

    def _hand_over(self, request, links):
        return self.show_once(
            request,
            title=_("Hand the link over"),
            message=_(
                "This server sends no mails. Give each person the link yourself: it is shown "
                "this once, and whoever opens it can accept."
            ),
            secret="\n".join(f"{email}: {link}" for email, link in links),
        )

    @admin.action(
        description=gettext_lazy("Send the selected invitations again"), permissions=["send"]
    )
    def send_again(self, request, queryset):
        ids = list(queryset.values_list("pk", flat=True))
        sent = renew(request.company, ids, by=request.user, now=timezone.now())
        if links := self._send(request, sent):
            return self._hand_over(request, links)
        text = ngettext("%(count)d invitation sent.", "%(count)d invitations sent.", len(sent))
        self.message_user(request, text % {"count": len(sent)}, messages.SUCCESS)
        return None

    @admin.action(
        description=gettext_lazy("Withdraw the selected invitations"), permissions=["send"]
    )
    def withdraw(self, request, queryset):
        ids = list(queryset.values_list("pk", flat=True))
        count = withdraw(request.company, ids, by=request.user, now=timezone.now())
        text = ngettext(
            "%(count)d invitation withdrawn.", "%(count)d invitations withdrawn.", count
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


# The page behind the link ----------------------------------------------------------------


class NewAccountForm(SetPasswordForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})


@never_cache
def invited(request, key):
    """Keep the key in the session: neither history nor logs of further requests have it."""
    request.session[INVITED] = key
    return redirect("admin:invitation")


@never_cache
@sensitive_post_parameters("new_password1", "new_password2")
def invitation(request):
    """Show the invitation that this session was opened with, and let the person accept it."""
    key, user = request.session.get(INVITED, ""), request.user
    if not key:
        return redirect("admin:login")
    found = find_invitation(key)
    if found is not None and user.is_authenticated and found.accepted_by_id == user.pk:
        return _welcome(request, found)
    if found is None or not found.is_open(timezone.now()):
        return _show(request, None, status=404)
    if user.is_authenticated:
        return _accept_as(request, found, key)
    form = NewAccountForm(
        User(username=username_of(found), email=found.email), request.POST or None
    )
    if not form.is_valid():
        return _show(request, found, form=form)
    password = form.cleaned_data["new_password1"]
    try:
        name = accept_as_new(key, password, now=timezone.now())
    except Refused as refusal:
        return _show(request, None, status=refusal.status)
    messages.success(
        request,
        _(
            "Log in as %(name)s, with the password you have just set. If you had an account of "
            "this name before, its password is still the old one."
        )
        % {"name": name},
    )
    return redirect(f"{reverse('admin:login')}?next={reverse('admin:invitation')}")


def _accept_as(request, found, key):
    problem, status = "", 200
    if request.method == "POST":
        try:
            accept(key, request.user, now=timezone.now())
        except Refused as refusal:
            problem, status = str(refusal), refusal.status
        else:
            return _welcome(request, found)
    return _show(request, found, problem=problem, status=status)


def _welcome(request, found):
    """Let the new member work for the company, where there are pages for the role."""
    request.session.pop(INVITED, None)
    if found.role not in STAFF_ROLES:
        return _show(request, found, is_member=True)
    request.session[CHOSEN] = found.company_id
    messages.success(
        request,
        _("You now work for %(company)s, as %(role)s.")
        % {"company": found.company, "role": found.get_role_display()},
    )
    return redirect("admin:index")


def _show(request, found, status=200, **context):
    return site_page(
        request,
        "drivers/invitation.html",
        title=_("Invitation"),
        status=status,
        invitation=found,
        next=reverse("admin:invitation"),
        **context,
    )
