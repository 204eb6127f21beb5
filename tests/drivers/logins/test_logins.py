"""The way in: brake on wrong passwords, forgotten passwords, last login, ends of sessions."""

import re
from datetime import timedelta
from unittest import mock

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from drivers.logins import mail as mails
from drivers.models import Membership, Role
from tests.support import builders as make

LOGIN = "/admin/login/"
RIGHT = "open sesame 9"


@pytest.fixture(autouse=True)
def _nothing_counted_yet():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def geneva(db):
    return make.company()


@pytest.fixture
def ada(geneva):
    return with_password(make.member(geneva, Role.DISPATCHER, username="ada"))


@pytest.fixture
def _post(settings):
    """Mails are sent, and in this thread."""
    settings.SENDS_MAIL = True
    with mock.patch.object(mails, "run_apart", lambda work, *values: work(*values)):
        yield


def with_password(user, **values):
    user.set_password(RIGHT)
    for name, value in values.items():
        setattr(user, name, value)
    user.save()
    return user


def log_in(client, name, password, *, address="10.0.0.1"):
    return client.post(
        LOGIN, {"username": name, "password": password, "next": "/admin/"}, REMOTE_ADDR=address
    )


def is_in(client):
    return "_auth_user_id" in client.session


def test_sixty_wrong_passwords_are_stopped_after_the_tenth_and_the_right_one_too(client, ada):
    answers = [log_in(client, "ada", f"guess {n}") for n in range(60)]

    assert [answer.status_code for answer in answers] == [200] * 9 + [429] * 51
    stopped = log_in(client, "ada", RIGHT)
    assert stopped.status_code == 429
    assert "Logins are stopped for 30 minutes, with the right password too." in text_of(stopped)
    assert not is_in(client)
    # No more rows and no longer ones by what was tried while it was stopped.
    assert AccessAttempt.objects.get().failures_since_start == 10


def text_of(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def test_what_is_stopped_reads_no_password(client, ada):
    for n in range(10):
        log_in(client, "ada", f"guess {n}")

    with mock.patch.object(User, "check_password") as check:
        log_in(client, "ada", RIGHT)
    check.assert_not_called()


def test_nobody_else_is_slowed(client, geneva, ada):
    bob = with_password(make.member(geneva, Role.OWNER, username="bob"))
    for n in range(20):
        log_in(client, "ada", f"guess {n}")

    assert log_in(Client(), "ada", RIGHT, address="10.0.0.2").status_code == 302
    assert log_in(Client(), bob.username, RIGHT).status_code == 302


def test_it_opens_again_by_itself(client, ada):
    for n in range(10):
        log_in(client, "ada", f"guess {n}")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=31))

    assert log_in(client, "ada", RIGHT).status_code == 302
    assert not AccessAttempt.objects.exists()


def test_a_name_that_no_account_has_is_answered_the_same(client, ada):
    def answers(name):
        page = Client()
        seen = [log_in(page, name, f"guess {n}") for n in range(11)]
        return [
            (a.status_code, re.sub(r'value="[^"]*"|nonce="[^"]*"', "", text_of(a))) for a in seen
        ]

    assert answers("ada") == answers("nobody")


def test_the_statements_do_not_tell_a_name_either(client, ada, django_assert_num_queries):
    for name in ("ada", "nobody"):
        log_in(client, name, "guess")
    seen = []
    for name in ("ada", "nobody"):
        with django_assert_num_queries(8, exact=False) as sent:
            log_in(client, name, "guess")
        seen.append(len(sent))
    assert seen[0] == seen[1]


def test_an_address_that_tries_many_names_is_stopped(client, ada):
    for n in range(100):
        assert log_in(client, f"name{n}", "winter 2026").status_code == 200

    assert log_in(client, "ada", RIGHT).status_code == 429
    assert log_in(Client(), "ada", RIGHT, address="10.0.0.2").status_code == 302


def test_an_attacker_with_a_whole_network_has_one_address(client, ada):
    for n in range(10):
        log_in(client, "ada", f"guess {n}", address=f"2001:db8:1:2::{n + 1}")

    assert log_in(client, "ada", RIGHT, address="2001:db8:1:2:ffff::1").status_code == 429
    assert log_in(client, "ada", RIGHT, address="2001:db8:1:3::1").status_code == 302


def test_a_whole_network_tries_no_more_names_than_one_address(client, ada):
    for n in range(100):
        log_in(client, f"name{n}", "winter 2026", address=f"2001:db8:1:2::{n + 1:x}")

    assert log_in(client, "ada", RIGHT, address="2001:db8:1:2:ffff::1").status_code == 429
    assert log_in(client, "ada", RIGHT, address="2001:db8:1:3::1").status_code == 302


@pytest.mark.usefixtures("_post")
def test_the_person_and_the_owner_are_told_once(client, geneva, ada):
    with_password(ada, email="ada@example.org")
    owner = make.member(geneva, Role.OWNER, username="olga")
    with_password(owner, email="olga@example.org")
    rival = make.member(make.company("rival"), Role.OWNER, username="rita")
    with_password(rival, email="rita@example.org")

    for n in range(20):
        log_in(client, "ada", f"guess {n}")

    assert sorted(m.to[0] for m in mail.outbox) == ["ada@example.org", "olga@example.org"]
    assert "10 wrong passwords for the account “ada” from the address 10.0.0.1" in (
        mail.outbox[0].body
    )


@pytest.mark.usefixtures("_post")
def test_no_owner_is_told_of_somebody_of_another_company_too(client, geneva, ada):
    with_password(ada, email="ada@example.org")
    for company in (geneva, make.company("rival")):
        owner = make.member(company, Role.OWNER, username=f"olga{company.pk}")
        with_password(owner, email=f"olga@{company.slug}.example.org")
    Membership.objects.create(user=ada, company=company, role=Role.VIEWER)

    for n in range(10):
        log_in(client, "ada", f"guess {n}")

    assert [m.to for m in mail.outbox] == [["ada@example.org"]]


def test_who_logs_in_sees_the_last_login_and_what_was_tried(client, ada):
    log_in(client, "ada", RIGHT)
    for n in range(3):
        log_in(Client(), "ada", f"guess {n}", address="10.9.9.9")
    User.objects.filter(pk=ada.pk).update(last_login=make.at("07:12"))

    answer = log_in(Client(), "ada", RIGHT)

    told = [str(message) for message in answer.wsgi_request._messages]
    assert len(told) == 2
    assert told[0].startswith("Last login: ")
    assert told[1] == "3 wrong passwords were given for this account a short while ago."


def test_a_session_that_nobody_uses_ends(client, ada, settings):
    log_in(client, "ada", RIGHT)
    later(client, used=settings.SESSION_IDLE_MIN * 60 + 1)

    assert client.get("/admin/account/").url.startswith(LOGIN)
    assert not is_in(client)


def test_a_session_that_is_used_ends_too(client, ada, settings):
    log_in(client, "ada", RIGHT)
    later(client, began=settings.SESSION_COOKIE_AGE + 1)

    assert client.get("/admin/account/").url.startswith(LOGIN)


def test_the_news_that_a_board_asks_keep_no_session_alive(client, geneva, ada):
    log_in(client, "ada", RIGHT)
    later(client, used=3600)
    was = client.session["used"]

    client.get(reverse("admin:board:news", args=[geneva.slug]), {"after": 0})
    assert client.session["used"] == was
    client.get("/admin/account/")
    assert client.session["used"] > was + 3000


def later(client, **seconds):
    session = client.session
    for name, value in seconds.items():
        session[name] -= value
    session.save()


@pytest.mark.usefixtures("_post")
def test_a_forgotten_password_is_chosen_anew_by_a_link_good_once(client, ada):
    with_password(ada, email="ada@example.org")
    for n in range(10):
        log_in(client, "ada", f"guess {n}")

    mail.outbox.clear()

    client.post("/admin/login/forgotten/", {"email": "ADA@example.org"})
    (letter,) = mail.outbox
    link = re.search(r"http://testserver(/admin/login/new/\S+)", letter.body)[1]
    form = client.get(link, follow=True).redirect_chain[-1][0]
    new = {"new_password1": "quite another 7", "new_password2": "quite another 7"}

    assert client.post(form, new).url == LOGIN
    assert not is_in(client)
    assert "was used already" in text_of(Client().get(link))
    assert log_in(client, "ada", "quite another 7").status_code == 302  # no longer stopped


@pytest.mark.usefixtures("_post")
def test_nobody_learns_which_addresses_have_an_account(client, ada, django_assert_num_queries):
    with_password(ada, email="ada@example.org")
    answers = []
    for address in ("ada@example.org", "nobody@example.org"):
        with mock.patch("drivers.admin.login.mail.run_apart") as apart:
            answer = client.post("/admin/login/forgotten/", {"email": address})
        apart.assert_called_once()  # what looks for the account, for every address
        answers.append((answer.status_code, answer.url))
    assert answers == [(302, "/admin/login/forgotten/sent/")] * 2


@pytest.mark.usefixtures("_post")
def test_nobody_fills_a_letter_box(client, ada):
    with_password(ada, email="ada@example.org")
    for _n in range(40):
        answer = client.post("/admin/login/forgotten/", {"email": "ada@example.org"})
        assert answer.status_code == 302
    assert len(mail.outbox) == 20


@pytest.mark.usefixtures("_post")
def test_a_whole_network_fills_no_letter_box(client, ada):
    with_password(ada, email="ada@example.org")
    for n in range(40):
        address = f"2001:db8:1:2::{n + 1:x}"
        client.post("/admin/login/forgotten/", {"email": "ada@example.org"}, REMOTE_ADDR=address)
    assert len(mail.outbox) == 20


def test_without_a_mail_server_the_page_says_so(client, db):
    assert "sends no mails" in text_of(client.get("/admin/login/forgotten/"))


def test_the_account_page_takes_the_password(client, ada):
    log_in(client, "ada", RIGHT)

    wrong = {"act": "email", "email": "ada@example.org", "password": "guess"}
    assert "not the password of your account" in text_of(client.post("/admin/account/", wrong))
    client.post("/admin/account/", wrong | {"password": RIGHT})

    ada.refresh_from_db()
    assert ada.email == "ada@example.org"


@pytest.mark.parametrize(
    ("page", "field", "values"),
    [
        ("/admin/account/", "password", {"act": "email", "email": "new@example.org"}),
        (
            "/admin/password_change/",
            "old_password",
            {"new_password1": "quite another 7", "new_password2": "quite another 7"},
        ),
    ],
)
def test_a_session_guesses_no_password(client, ada, page, field, values):
    log_in(client, "ada", RIGHT)
    for n in range(10):
        client.post(page, values | {field: f"guess {n}"}, REMOTE_ADDR="10.0.0.1")

    with mock.patch.object(User, "check_password") as check:
        stopped = client.post(page, values | {field: RIGHT}, REMOTE_ADDR="10.0.0.1")
    check.assert_not_called()
    assert "Logins are stopped for 30 minutes, with the right password too." in text_of(stopped)
    ada.refresh_from_db()
    assert (ada.email, ada.check_password(RIGHT)) == ("", True)


def test_the_right_old_password_changes_it(client, ada):
    log_in(client, "ada", RIGHT)
    new = {"new_password1": "quite another 7", "new_password2": "quite another 7"}

    answer = client.post("/admin/password_change/", new | {"old_password": RIGHT})
    assert answer.url == "/admin/password_change/done/"
    assert client.get("/admin/account/").status_code == 200  # the session goes on
    ada.refresh_from_db()
    assert ada.check_password("quite another 7")
