from django.apps import apps
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from dispatch.board.views import home
from dispatch.trip_page.views import page as trip_page
from dispatch.trip_page.views import ward_page
from dispatchsite.search import search
from drivers.admin.account import account_page, change_password
from drivers.admin.companies import companies_to_choose
from drivers.admin.invitations import invitation, invited
from drivers.admin.login import (
    ForgotPassword,
    ForgotPasswordSent,
    NewPassword,
    login,
    second_factor_step,
    set_up_factor,
)
from drivers.companies.current import choose_company

OWN = ("index", "login", "password_change", "search")  # in place of the admin's

# The board is a page of the admin, "admin:board:day", and the first one that dispatchers see.
admin_urls = [
    path("", admin.site.admin_view(home), name="index"),
    path("board/", include("dispatch.board.urls")),
    path("reports/", include("dispatch.board.report_urls")),
    path("login/", login, name="login"),
    path("login/second-factor/", second_factor_step, name="second_factor"),
    path("login/set-up/", set_up_factor, name="set_up_factor"),
    path("login/forgotten/", ForgotPassword.as_view(), name="admin_password_reset"),
    path("login/forgotten/sent/", ForgotPasswordSent.as_view(), name="forgot_password_sent"),
    path("login/new/<uidb64>/<token>/", NewPassword.as_view(), name="new_password"),
    path("invitation/", invitation, name="invitation"),
    path("invitation/<slug:key>/", invited, name="invited"),
    path("company/", admin.site.admin_view(companies_to_choose), name="companies_to_choose"),
    path("account/", account_page, name="account"),
    path("password_change/", change_password, name="password_change"),
    path("search/", admin.site.admin_view(search), name="search"),
    *(url for url in admin.site.get_urls() if getattr(url, "name", "") not in OWN),
]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("company/<slug:company>/", choose_company, name="choose_company"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", (admin_urls, "admin", admin.site.name)),
    path("api/", include("dispatchsite.api")),
    path("drive/", include("dispatch.drive.urls")),
    path("trip/", trip_page, name="trip_page"),
    path("ward/", ward_page, name="ward_page"),
]
if apps.is_installed("silk"):
    urlpatterns.append(path("silk/", include("silk.urls", namespace="silk")))
if apps.is_installed("debug_toolbar"):
    urlpatterns.append(path("__debug__/", include("debug_toolbar.urls")))
