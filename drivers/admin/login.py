"""The ways in: password, second factor, forgotten password."""

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login as begin_session
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import PasswordResetForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic.base import ContextMixin
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from drivers.admin.pages import site_page
from drivers.logins import mail, second_factor
from drivers.logins.brake import (
    MailThrottle,
    StrangerThrottle,
    forget_wrong_passwords,
    is_over,
    wrong_passwords,
)
from drivers.logins.invitations import find_invitation
from drivers.logins.waiting import INVITED, LONGEST_S, keep_waiting, who_waits
from drivers.refused import Refused

SET_UP_FROM = "may_set_up_from"  # the key in the session


class LoginForm(AuthenticationForm):
    """Ask for name and password, unless too many were wrong: then the right ones are not read."""

    is_stopped = False

    def clean(self):
        if is_over(StrangerThrottle(), self.request):
            raise self._stopped()
        return super().clean()

    def confirm_login_allowed(self, user):
        """Let in who has an invitation to accept, though no company's pages are theirs yet."""
        key = self.request.session.get(INVITED, "") if user.is_active else ""
        found = find_invitation(key) if key else None
        if found is None or not (found.is_open(timezone.now()) or found.accepted_by_id == user.pk):
            super().confirm_login_allowed(user)

    def get_invalid_login_error(self):
        StrangerThrottle().note_refused(self.request)
        if getattr(self.request, "axes_locked_out", False):
            return self._stopped()
        return super().get_invalid_login_error()

    def _stopped(self):
        self.is_stopped = True
        return stopped()


def stopped():
    """Return the error of an account or address that gave too many wrong passwords."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    return ValidationError(
        ngettext(
            "Too many wrong passwords. Logins are stopped for %(minutes)d minute, with the "
            "right password too.",
            "Too many wrong passwords. Logins are stopped for %(minutes)d minutes, with the "
            "right password too.",
            minutes,
        ),
        code="stopped",
        params={"minutes": minutes},
    )


class Login(auth_views.LoginView):
    form_class = authentication_form = LoginForm
    template_name = "admin/login.html"

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            **admin.site.each_context(self.request),
            title=_("Log in"),
            subtitle=None,
            app_path=self.request.get_full_path(),
            username=self.request.user.get_username(),
            **kwargs,
        )

    def form_invalid(self, form):
        response = super().form_invalid(form)
        response.status_code = 429 if form.is_stopped else 200
        return response

    def form_valid(self, form):
        user, target = form.get_user(), self.get_success_url()
        if second_factor.has_factor(user):
            keep_waiting(self.request, user, target)
            return redirect("admin:second_factor")
        if second_factor.must_have_factor(user):
            keep_waiting(self.request, user, target)
            return redirect("admin:set_up_factor")
        return _log_in(self.request, user, user.backend, target)


@never_cache
def login(request):
    """Show the page of the login, and log in."""
    if request.method == "GET" and admin.site.has_permission(request):
        return redirect("admin:index")
    return Login.as_view()(request)


def _log_in(request, user, backend, target):
    """Begin the session, and say when the last one began and what was tried since."""
    before, tried = user.last_login, wrong_passwords(user)
    begin_session(request, user, backend=backend)
    if before is not None:
        at = date_format(timezone.localtime(before), "DATETIME_FORMAT")
        messages.info(
            request,
            _("Last login: %(at)s (%(zone)s).")
            % {"at": at, "zone": timezone.get_current_timezone_name()},
        )
    if tried:
        messages.warning(
            request,
            ngettext(
                "%(count)d wrong password was given for this account a short while ago.",
                "%(count)d wrong passwords were given for this account a short while ago.",
                tried,
            )
            % {"count": tried},
        )
    return redirect(target)


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=32,
        widget=UnfoldAdminTextInputWidget(
            {"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}
        ),
    )


@never_cache
@sensitive_post_parameters("code")
def second_factor_step(request):
    """Ask who gave the password for the code, and log in."""
    waiting = who_waits(request)
    if waiting is None:
        return redirect("admin:login")
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            second_factor.check(waiting.user, form.cleaned_data["code"])
        except Refused as refusal:
            form.add_error("code", str(refusal))
        else:
            return _log_in(request, waiting.user, waiting.backend, waiting.target)
    return site_page(request, "drivers/second_factor.html", title=_("Second factor"), form=form)


@never_cache
@sensitive_post_parameters("code")
def set_up_factor(request):
    """Set up the second factor: of who is logged in, or of who may not go on without one."""
    waiting = who_waits(request)
    if waiting is not None and second_factor.has_factor(waiting.user):
        return redirect("admin:second_factor")  # it was set up meanwhile
    if waiting is None and not _may_set_up(request):
        return redirect("admin:account")
    user = waiting.user if waiting else request.user
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            codes = second_factor.confirm(user, form.cleaned_data["code"])
        except Refused as refusal:
            form.add_error("code", str(refusal))
        else:
            target = reverse("admin:account")
            if waiting:
                target = waiting.target
                _log_in(request, user, waiting.backend, target)
            return site_page(
                request,
                "drivers/recovery_codes.html",
                title=_("Recovery codes"),
                codes=codes,
                target=target,
            )
    device = second_factor.begin(user)
    return site_page(
        request,
        "drivers/set_up_factor.html",
        title=_("Set up a second factor"),
        form=form,
        picture=second_factor.qr_svg(device),
        secret=second_factor.secret_of(device),
        is_required=waiting is not None,
    )


def let_set_up(request):
    """Let this session set up a second factor for ten minutes: its password was just given."""
    request.session[SET_UP_FROM] = timezone.now().timestamp()


def _may_set_up(request):
    given = request.session.get(SET_UP_FROM, 0)
    return admin.site.has_permission(request) and timezone.now().timestamp() - given < LONGEST_S


class ForgottenForm(PasswordResetForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["email"].widget = UnfoldAdminTextInputWidget(
            {"autocomplete": "email", "type": "email"}
        )

    def save(self, *args, **options):
        """Look for the account and write to it beside the request, as long for all addresses."""
        request = options["request"]
        if not settings.SENDS_MAIL or is_over(MailThrottle(), request):
            return
        MailThrottle().note_refused(request)
        mail.run_apart(self._save, options)

    def _save(self, options):
        super().save(**options)


class _Framed(ContextMixin):
    """Django's pages of a forgotten password, in the frame of the login."""

    request: HttpRequest

    def get_context_data(self, **kwargs):
        frame = admin.site.each_context(self.request)
        own = super().get_context_data(**kwargs)
        return {**frame, **own, "sends_mail": settings.SENDS_MAIL}


class ForgotPassword(_Framed, auth_views.PasswordResetView):
    form_class = ForgottenForm
    template_name = "drivers/forgot_password.html"
    email_template_name = "drivers/forgot_password_mail.txt"
    subject_template_name = "drivers/forgot_password_subject.txt"
    success_url = reverse_lazy("admin:forgot_password_sent")


class ForgotPasswordSent(_Framed, auth_views.PasswordResetDoneView):
    template_name = "drivers/forgot_password_sent.html"


class NewPassword(_Framed, auth_views.PasswordResetConfirmView):
    template_name = "drivers/new_password.html"
    success_url = reverse_lazy("admin:login")

    def get_form(self, form_class=None):
        form = super().get_form(form_class)
        for field in form.fields.values():
            field.widget = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})
        return form

    def form_valid(self, form):
        response = super().form_valid(form)
        forget_wrong_passwords(form.user)
        messages.success(self.request, _("The new password is set: log in with it."))
        return response
