"""One's own account: password, address for mails, second factor, recovery codes."""

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import authenticate
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from unfold.forms import AdminOwnPasswordChangeForm
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
)

from drivers.admin.login import let_set_up, stopped
from drivers.admin.pages import site_page
from drivers.logins import second_factor
from drivers.refused import Refused

ACTS = ("email", "set_up", "codes", "remove")
TAKE_A_CODE = ("codes", "remove")


def check_own_password(request, password):
    """Raise ValidationError unless it is the user's: as at the login, wrong ones count and stop."""
    user = request.user
    if authenticate(request, username=user.get_username(), password=password) != user:
        if getattr(request, "axes_locked_out", False):
            raise stopped()
        raise ValidationError(_("This is not the password of your account."))


class AccountForm(forms.Form):
    """What is changed of an account takes its password, what is changed of its factor a code."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        required=False,
        help_text=gettext_lazy("For a forgotten password, and to be told of wrong ones."),
        widget=UnfoldAdminEmailInputWidget,
    )
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label=gettext_lazy("Code"),
        required=False,
        max_length=32,
        help_text=gettext_lazy("Of your app, or a recovery code."),
        widget=UnfoldAdminTextInputWidget({"autocomplete": "one-time-code", "spellcheck": "false"}),
    )

    def __init__(self, request, data=None):
        self.request = request
        super().__init__(data, initial={"email": request.user.email})

    def clean_password(self):
        password = self.cleaned_data["password"]
        check_own_password(self.request, password)
        return password

    def clean(self):
        values = super().clean() or {}
        user = self.request.user
        takes_a_code = self.data.get("act") in TAKE_A_CODE and second_factor.has_factor(user)
        if takes_a_code and not self.errors:  # a code is used up by a right password only
            try:
                second_factor.check(user, values["code"])
            except Refused as refusal:
                self.add_error("code", str(refusal))


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    def __init__(self, request, **kwargs):
        self.request = request
        super().__init__(**kwargs)

    def clean_old_password(self):
        password = self.cleaned_data["old_password"]
        check_own_password(self.request, password)
        return password


class ChangePassword(PasswordChangeView):
    """The admin's page, with the brake of the login on the old password."""

    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs):
        return {**admin.site.each_context(self.request), **super().get_context_data(**kwargs)}


@never_cache
@sensitive_post_parameters("password", "code")
def account(request):
    """Show one's account, and change it."""
    user = request.user
    form = AccountForm(request, request.POST or None)
    act = request.POST.get("act")
    if act in ACTS and form.is_valid():
        return _act(request, act, form)
    return site_page(
        request,
        "drivers/account.html",
        title=_("Your account"),
        form=form,
        has_factor=second_factor.has_factor(user),
        must_have_factor=second_factor.must_have_factor(user),
        codes_left=second_factor.recovery_codes_left(user),
        sends_mail=settings.SENDS_MAIL,
    )


def _act(request, act, form):
    user = request.user
    if act == "email":
        user.email = form.cleaned_data["email"]
        user.save(update_fields=["email"])
        messages.success(request, _("The address is saved."))
    elif act == "set_up" and not second_factor.has_factor(user):
        let_set_up(request)
        return redirect("admin:set_up_factor")
    elif act == "codes" and second_factor.has_factor(user):
        codes = second_factor.new_recovery_codes(user)
        return site_page(
            request,
            "drivers/recovery_codes.html",
            title=_("Recovery codes"),
            codes=codes,
            target=request.path,
        )
    elif act == "remove":
        second_factor.remove([user])
        messages.success(request, _("The second factor is removed."))
        if second_factor.must_have_factor(user):
            let_set_up(request)
            return redirect("admin:set_up_factor")
    return redirect("admin:account")


account_page = admin.site.admin_view(account)
change_password = admin.site.admin_view(ChangePassword.as_view())
