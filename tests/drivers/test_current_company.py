"""The admin works for one company at a time, and shows times in its zone."""

from urllib.parse import quote

from django.urls import reverse

from drivers.models import Membership, Role
from tests.support import builders as make


def chosen(client, company, **fields):
    return client.post(reverse("choose_company", args=[company.slug]), fields)


def page_of(client, booking):
    return client.get(reverse("admin:bookings_booking_change", args=[booking.pk])).text


def test_a_page_shows_times_and_the_zone_of_the_company(client, db):
    company = make.company(timezone="America/New_York")
    client.force_login(make.member(company))
    text = client.get(reverse("admin:drivers_shift_changelist")).text
    assert "America/New_York · UTC-0" in text
    booking = make.booking(company, clock="09:00")  # 07:00 UTC, 03:00 in New York
    assert 'value="03:00:00"' in page_of(client, booking)


def test_a_row_of_another_company_is_shown_in_its_own_zone(client, db):
    near, far = make.company("a"), make.company("b", timezone="America/New_York")
    user = make.member(near)
    Membership.objects.create(user=user, company=far, role=Role.DISPATCHER)
    client.force_login(user)
    assert 'value="09:00:00"' in page_of(client, make.booking(near))
    assert 'value="03:00:00"' in page_of(client, make.booking(far))


def test_the_chosen_company_is_remembered(client, db):
    near, far = make.company("a"), make.company("b", timezone="America/New_York")
    user = make.member(near)
    Membership.objects.create(user=user, company=far, role=Role.DISPATCHER)
    client.force_login(user)
    assert chosen(client, near).status_code == 302
    assert client.get(reverse("admin:index")).wsgi_request.company == near
    assert chosen(client, far).status_code == 302
    assert client.get(reverse("admin:index")).wsgi_request.company == far


def test_who_has_several_companies_chooses_before_any_page_is_shown(client, db):
    near, far = make.company("near"), make.company("far")
    user = make.member(near)
    Membership.objects.create(user=user, company=far, role=Role.DISPATCHER)
    client.force_login(user)
    page = reverse("admin:bookings_client_changelist") + "?q=ada"

    asked = client.get(page, follow=True)
    assert asked.redirect_chain == [("/admin/company/?next=" + quote(page, safe=""), 302)]
    assert [row.slug for row in asked.context["companies"]] == ["far", "near"]
    assert client.post(page, {"action": "x"}).url == "/admin/company/"

    assert chosen(client, far, next=asked.context["next"]).url == page
    assert client.get(page).wsgi_request.company == far
    # An address that names a company needs no choice.
    client.logout()
    client.force_login(user)
    board = reverse("admin:board:day", args=["near", make.DAY])
    assert client.get(board).wsgi_request.company == near


def test_who_left_the_chosen_company_chooses_again_only_among_several(client, db):
    near, far = make.company("near"), make.company("far")
    user = make.member(near)
    Membership.objects.create(user=user, company=far, role=Role.DISPATCHER)
    client.force_login(user)
    chosen(client, far)
    Membership.objects.filter(company=far).delete()
    assert client.get(reverse("admin:bookings_client_changelist")).wsgi_request.company == near


def test_another_users_company_cannot_be_chosen(client, db):
    client.force_login(make.member(make.company("own")))
    assert chosen(client, make.company("other")).status_code == 404


def test_a_choice_leads_to_no_other_site(client, db):
    company = make.company()
    client.force_login(make.member(company))
    assert chosen(client, company, next="https://example.org/").url == reverse("admin:index")
    assert chosen(client, company, next="/admin/drivers/").url == "/admin/drivers/"


def test_a_superuser_starts_with_a_company_of_their_own(client, db, admin_user):
    make.company("a")
    own = make.company("b")
    Membership.objects.create(user=admin_user, company=own, role=Role.OWNER)
    client.force_login(admin_user)
    assert client.get(reverse("admin:index")).wsgi_request.company == own


def test_the_sidebar_shows_what_the_user_may_see(client, db, admin_user):
    client.force_login(make.member(make.company()))
    text = client.get(reverse("admin:index"), follow=True).text
    assert reverse("admin:bookings_client_changelist") in text
    assert reverse("admin:perf_measurement_changelist") not in text
    client.force_login(admin_user)
    assert (
        reverse("admin:perf_measurement_changelist")
        in client.get(reverse("admin:index"), follow=True).text
    )
