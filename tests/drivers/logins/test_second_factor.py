"""The second factor: set up, asked, recovered from, required."""

import re
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from drivers.logins import second_factor, waiting
from drivers.models import Role
from tests.drivers.logins.test_logins import RIGHT, is_in, later, log_in, text_of, with_password
from tests.support import builders as make

STEP = "/admin/login/second-factor/"
SET_UP = "/admin/login/set-up/"


@pytest.fixture
def ada(db):
    return with_password(make.member(make.company(), Role.OWNER, username="ada"))


def code_of(user, *, steps=0):
    """Return the code that the user's app shows, so many half minutes from now."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = timezone.now().timestamp() + steps * device.step
    return f"{totp.token():06d}"


def set_up(user):
    second_factor.begin(user)
    return second_factor.confirm(user, code_of(user))


def test_it_is_set_up_with_a_picture_after_the_password_was_given_again(client, ada):
    log_in(client, "ada", RIGHT)
    assert client.get(SET_UP).url == "/admin/account/"  # a session alone is not enough

    client.post("/admin/account/", {"act": "set_up", "password": RIGHT})
    page = text_of(client.get(SET_UP))
    assert "<svg" in page
    assert "viewBox" in page  # without it a page shows a corner of the picture
    assert second_factor.secret_of(TOTPDevice.objects.get()) in page
    assert not second_factor.has_factor(ada)

    wrong = client.post(SET_UP, {"code": "000000"})
    assert "This code is not right" in text_of(wrong)
    TOTPDevice.objects.update(throttling_failure_count=0)
    codes = client.post(SET_UP, {"code": code_of(ada)})
    assert len(re.findall(r"[a-z2-7]{8}<br>", codes.content.decode())) == 10
    assert second_factor.has_factor(ada)


def test_the_password_alone_logs_nobody_in(client, ada):
    set_up(ada)

    assert log_in(client, "ada", RIGHT).url == STEP
    assert not is_in(client)
    assert client.get("/admin/account/").url.startswith("/admin/login/?next=")
    assert client.get("/api/v1/bookings/").status_code == 401

    assert client.post(STEP, {"code": code_of(ada, steps=1)}).url == "/admin/"
    assert is_in(client)


def test_a_code_is_good_once(client, ada):
    set_up(ada)
    code = code_of(ada, steps=1)
    log_in(client, "ada", RIGHT)
    client.post(STEP, {"code": code})

    other = Client()
    log_in(other, "ada", RIGHT)
    assert "used already" in text_of(other.post(STEP, {"code": code}))
    assert not is_in(other)


def test_a_recovery_code_is_good_once(client, ada):
    code = set_up(ada)[0]
    log_in(client, "ada", RIGHT)
    assert client.post(STEP, {"code": code.upper()}).status_code == 302
    assert second_factor.recovery_codes_left(ada) == 9

    other = Client()
    log_in(other, "ada", RIGHT)
    assert other.post(STEP, {"code": code}).status_code == 200
    assert not is_in(other)


def test_after_a_wrong_code_the_right_one_waits(client, ada):
    set_up(ada)
    log_in(client, "ada", RIGHT)
    client.post(STEP, {"code": "000000"})

    assert client.post(STEP, {"code": code_of(ada, steps=1)}).status_code == 200
    assert not is_in(client)


def test_nobody_waits_longer_than_ten_minutes_or_past_a_new_password(client, ada):
    set_up(ada)
    log_in(client, "ada", RIGHT)
    with mock.patch.object(waiting, "LONGEST_S", -1):
        assert client.get(STEP).url == "/admin/login/"
    assert client.get(STEP).status_code == 200

    ada.set_password("another 1")
    ada.save()
    assert client.get(STEP).url == "/admin/login/"


def test_a_role_that_needs_one_sets_it_up_before_it_is_in(client, ada, settings):
    settings.SECOND_FACTOR_ROLES = ["owner"]

    assert log_in(client, "ada", RIGHT).url == SET_UP
    assert not is_in(client)
    assert "Your role logs in with a second factor only." in text_of(client.get(SET_UP))
    client.post(SET_UP, {"code": code_of(ada)})
    assert is_in(client)

    other = with_password(make.member(make.company("lyon"), Role.DISPATCHER, username="dan"))
    assert log_in(Client(), other.username, RIGHT).url == "/admin/"


def test_a_session_from_before_it_was_required_ends(client, ada, settings):
    log_in(client, "ada", RIGHT)
    later(client, used=61)
    settings.SECOND_FACTOR_ROLES = ["dispatcher"]
    assert client.get("/admin/account/").status_code == 200

    later(client, used=61)
    ada.memberships.update(role=Role.DISPATCHER)
    assert client.get("/admin/account/").url.startswith("/admin/login/")
    assert not is_in(client)
    assert "Your role logs in with a second factor only." in text_of(client.get("/admin/login/"))
    assert log_in(client, "ada", RIGHT).url == SET_UP


def test_a_session_with_what_is_required_goes_on(client, ada, settings):
    settings.SECOND_FACTOR_ROLES = ["owner"]
    set_up(ada)
    log_in(client, "ada", RIGHT)
    client.post(STEP, {"code": code_of(ada, steps=1)})
    later(client, used=61)
    assert client.get("/admin/account/").status_code == 200


def test_the_api_ends_such_a_session_too(client, ada, settings):
    log_in(client, "ada", RIGHT)
    later(client, used=61)
    settings.SECOND_FACTOR_ROLES = ["owner"]
    assert client.get("/api/v1/bookings/").status_code == 401
    assert not is_in(client)


def test_what_is_required_cannot_be_left_away(client, ada, settings):
    settings.SECOND_FACTOR_ROLES = ["owner"]
    set_up(ada)
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")

    remove = {"act": "remove", "password": RIGHT, "code": code_of(ada, steps=1)}
    assert client.post("/admin/account/", remove).url == SET_UP
    assert log_in(Client(), "ada", RIGHT).url == SET_UP


@pytest.mark.parametrize("act", ["remove", "codes"])
def test_the_password_alone_changes_no_factor(client, ada, act):
    code = set_up(ada)[0]
    kept = set(StaticToken.objects.values_list("token", flat=True))
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")

    change = {"act": act, "password": RIGHT, "code": code}
    for wrong in ({"code": ""}, {"code": "000000"}, {"password": "guess"}):
        TOTPDevice.objects.update(throttling_failure_count=0)
        StaticDevice.objects.update(throttling_failure_count=0)
        client.post("/admin/account/", change | wrong)
        assert second_factor.has_factor(ada)
        assert set(StaticToken.objects.values_list("token", flat=True)) == kept
    TOTPDevice.objects.update(throttling_failure_count=0)
    StaticDevice.objects.update(throttling_failure_count=0)
    client.post("/admin/account/", change)
    assert second_factor.has_factor(ada) == (act == "codes")
    assert not kept & set(StaticToken.objects.values_list("token", flat=True))


def test_a_superuser_helps_who_lost_all(client, ada):
    set_up(ada)
    client.force_login(User.objects.create_superuser("root"))
    client.post(
        "/admin/auth/user/", {"action": "remove_second_factor", "_selected_action": [ada.pk]}
    )
    assert not second_factor.has_factor(ada)
