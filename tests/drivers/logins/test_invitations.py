"""Nobody is pulled into a company: who is invited accepts, once, in time."""

import re
from datetime import timedelta
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from drivers.companies.members import MembersRefused
from drivers.logins import mail as mails
from drivers.logins.invitations import (
    VALID_FOR,
    InvitationOver,
    accept,
    accept_as_new,
    invite,
    renew,
    withdraw,
)
from drivers.models import Invitation, Membership, Role
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.together import together

RIGHT = "open sesame 9"
PASSWORDS = {"new_password1": RIGHT, "new_password2": RIGHT}
ANNA = "anna@example.org"


@pytest.fixture(autouse=True)
def _nothing_counted_yet():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def owner(db):
    return make.member(role=Role.OWNER, first_name="Olga", username="olga")


@pytest.fixture
def company(owner):
    return owner.memberships.get().company


@pytest.fixture
def _post(settings):
    """Mails are sent, and in this thread."""
    settings.SENDS_MAIL = True
    with mock.patch.object(mails, "run_apart", lambda work, *values: work(*values)):
        yield


def invited(company, owner, role=Role.DISPATCHER, email=ANNA, **options):
    return invite(company, email, role, by=owner, now=timezone.now(), **options)


def open_link(key, **user):
    """Return a browser at the page behind a link, and the page."""
    browser = Client()
    if user:
        browser.force_login(user["user"])
    return browser, browser.get(reverse("admin:invited", args=[key]), follow=True)


def text_of(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def log_in(browser, name, password=RIGHT):
    form = {"username": name, "password": password, "next": reverse("admin:invitation")}
    return browser.post(reverse("admin:login"), form, follow=True)


def test_who_is_new_chooses_a_password_logs_in_and_works(owner, company):
    invitation, key = invited(company, owner)
    assert not Membership.objects.filter(company=company).exclude(user=owner).exists()
    browser, page = open_link(key)
    assert key not in page.request["PATH_INFO"]
    assert "You are invited to Geneva Medical Transport, as dispatcher." in text_of(page)
    assert f"Your user name is {ANNA}." in text_of(page)

    browser.post(reverse("admin:invitation"), PASSWORDS)
    user = User.objects.get(username=ANNA)
    assert (user.email, user.is_staff, user.is_superuser) == (ANNA, True, False)
    assert user.memberships.get().role == Role.DISPATCHER
    inside = log_in(browser, ANNA)
    assert "You now work for Geneva Medical Transport, as dispatcher." in text_of(inside)
    assert inside.wsgi_request.company == company
    invitation.refresh_from_db()
    assert invitation.accepted_by == user


def test_somebody_logged_in_accepts_with_a_button_and_not_by_looking(owner, company):
    user = make.member(make.company("lausanne"), username="ben")
    _invitation, key = invited(company, owner, Role.VIEWER)
    browser, page = open_link(key, user=user)
    assert "Accept as ben" in text_of(page)
    assert user.memberships.count() == 1
    inside = browser.post(reverse("admin:invitation"), follow=True)
    assert user.memberships.get(company=company).role == Role.VIEWER
    assert inside.wsgi_request.company == company  # chosen by accepting


def test_a_link_is_good_once_and_not_after_its_end(owner, company):
    _invitation, key = invited(company, owner)
    now = timezone.now()
    one, other = (make.member(make.company(slug)) for slug in ("one", "other"))
    with pytest.raises(InvitationOver):
        accept(key, one, now=now + VALID_FOR)
    accept(key, one, now=now)
    for attempt in (
        lambda: accept(key, other, now=now),
        lambda: accept_as_new(key, RIGHT, now=now),
        lambda: accept("unknown", other, now=now),
    ):
        with pytest.raises(InvitationOver, match="used already"):
            attempt()
    assert not other.memberships.filter(company=company).exists()
    assert not User.objects.filter(username=ANNA).exists()
    assert open_link(key)[1].status_code == 404


def test_a_link_that_was_sent_again_or_withdrawn_ends_the_one_before(owner, company):
    invitation, first = invited(company, owner)
    user, now = make.member(make.company("one")), timezone.now()
    ((_row, second),) = renew(company, [invitation.pk], by=owner, now=now + VALID_FOR)
    with pytest.raises(InvitationOver):
        accept(first, user, now=now)
    assert withdraw(company, [invitation.pk], by=owner, now=now) == 1
    with pytest.raises(InvitationOver):
        accept(second, user, now=now)
    with pytest.raises(InvitationOver):
        renew(company, [invitation.pk], by=owner, now=now)
    assert not user.memberships.filter(company=company).exists()


def test_an_account_of_that_name_is_told_to_nobody_and_keeps_its_password(owner, company):
    there = make.member(make.company("lausanne"), username=ANNA)
    there.set_password("another phrase 7")
    there.save()
    answers = []
    for email in (ANNA, "new@example.org"):
        _invitation, key = invited(company, owner, email=email)
        browser, page = open_link(key)
        shown = text_of(page)
        answer = browser.post(reverse("admin:invitation"), PASSWORDS, follow=True)
        shown += text_of(answer) + str(answer.status_code)
        shown = re.sub(r'(csrfmiddlewaretoken" value|nonce)="[^"]*"', "", shown)
        answers.append(shown.replace(email, "X"))
    assert answers[0] == answers[1]
    there.refresh_from_db()
    assert there.check_password("another phrase 7")
    assert not there.memberships.filter(company=company).exists()
    assert User.objects.get(username="new@example.org").memberships.get().company == company


def test_a_driver_has_no_pages_but_can_log_in_to_accept(owner, company):
    driver = make.member(make.company("one"), Role.DRIVER, is_staff=False, username="dan")
    driver.set_password(RIGHT)
    driver.save()
    _invitation, key = invited(company, owner, Role.DRIVER)
    assert "_auth_user_id" not in Client().session
    stranger = Client()
    log_in(stranger, "dan")
    assert "_auth_user_id" not in stranger.session  # without an invitation there is nothing here

    browser, _page = open_link(key)
    assert "Accept as dan" in text_of(log_in(browser, "dan"))
    done = browser.post(reverse("admin:invitation"))
    assert "You now belong to Geneva Medical Transport, as driver." in text_of(done)
    assert driver.memberships.get(company=company).role == Role.DRIVER
    assert browser.get("/admin/").status_code == 302


def test_nobody_but_an_owner_of_the_company_invites(owner, company):
    for by in (make.member(company, Role.DISPATCHER), make.member(make.company("x"), Role.OWNER)):
        with pytest.raises(MembersRefused, match="Only an owner"):
            invited(company, by)
    with pytest.raises(MembersRefused, match="Choose the customer"):
        invited(company, owner, Role.CLIENT_API)
    assert not Invitation.objects.exists()


def test_an_address_is_invited_once_at_a_time(owner, company):
    _invitation, first = invited(company, owner)
    with pytest.raises(MembersRefused, match="invited already"):
        invited(company, owner, email=ANNA.upper())
    again, _key = invite(company, ANNA, Role.VIEWER, by=owner, now=timezone.now() + VALID_FOR)
    assert Invitation.objects.filter(revoked_at=None).get() == again
    with pytest.raises(InvitationOver):
        accept(first, make.member(make.company("one")), now=timezone.now())


def test_who_is_a_member_already_leaves_the_invitation_open(owner, company):
    invitation, key = invited(company, owner, Role.VIEWER)
    browser, _page = open_link(key, user=owner)
    refused = browser.post(reverse("admin:invitation"))
    assert refused.status_code == 400
    assert "You are a member of Geneva Medical Transport already." in text_of(refused)
    invitation.refresh_from_db()
    assert invitation.is_open(timezone.now())
    assert owner.memberships.get().role == Role.OWNER


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_once_one_becomes_a_member():
    owner = make.member(role=Role.OWNER)
    company = owner.memberships.get().company
    _invitation, key = invited(company, owner)
    users, now = [make.member(make.company(slug)) for slug in ("one", "other")], timezone.now()

    def attempt(user):
        try:
            accept(key, user, now=now)
        except InvitationOver:
            return False
        return True

    done = together(*[lambda user=user: attempt(user) for user in users])
    assert sorted(done) == [False, True]
    assert company.memberships.count() == 2  # the owner and one of them


@pytest.mark.usefixtures("_post")
def test_the_page_mails_the_link_and_shows_it_to_nobody(
    client, owner, company, django_capture_on_commit_callbacks
):
    client.force_login(owner)
    form = {"company": company.pk, "email": ANNA, "role": "viewer", "customer": ""}
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(reverse("admin:drivers_invitation_add"), form, follow=True)
    (sent,) = mail.outbox
    assert sent.to == [ANNA]
    assert "Olga invites you to work for Geneva Medical Transport, as viewer." in sent.body
    (key,) = re.findall(r"http://testserver/admin/invitation/([\w-]+)/", sent.body)
    assert key not in answer.content.decode()
    assert key not in str(Invitation.objects.values().get())
    row = Invitation.objects.get()
    action = {"action": "send_again", "_selected_action": [row.pk]}
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("admin:drivers_invitation_changelist"), action)
    assert len(mail.outbox) == 2
    assert open_link(key)[1].status_code == 404


def test_the_api_invites_sends_again_and_withdraws(owner, company):
    api = caller(Role.OWNER, company)
    body = {"email": ANNA, "role": "dispatcher"}
    made = api.post(f"{API}invitations/", body)
    assert made.status_code == 201
    link = made.json()["link"]  # there is no mail server
    assert open_link(link.rstrip("/").rpartition("/")[2])[1].status_code == 200
    again = api.post(f"{API}invitations/", body)
    assert [row["field"] for row in again.json()["errors"]] == ["email"]
    path = f"{API}invitations/{made.json()['id']}/"
    renewed = api.post(f"{path}resend/", {}).json()
    assert renewed["link"] not in ("", None, link)
    assert renewed["expires_at"] > made.json()["expires_at"]
    assert "link" not in api.get(path).json()
    assert api.post(f"{path}revoke/", {}).json()["revoked_at"] is not None
    over = api.post(f"{path}revoke/", {})
    assert (over.status_code, over.json()["type"]) == (
        409,
        "urn:dispatchsite:problem:invitation_over",
    )
    assert api.post(f"{API}invitations/", body).status_code == 201
    assert Invitation.objects.filter(revoked_at=None).get().expires_at > timezone.now() + timedelta(
        days=6
    )
