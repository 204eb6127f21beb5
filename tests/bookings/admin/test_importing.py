"""Import and export of bookings in the admin: looked at first, safe in a spreadsheet."""

import io
import json
from datetime import timedelta

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from bookings.importing import uploads
from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Door, Event, ImportFile, Street
from drivers.models import Absence, Role
from tests.bookings.importing.test_import_bookings import csv_of
from tests.bookings.importing.test_xlsx_file import workbook
from tests.bookings.places.test_address_register import OPEN_ADDRESSES, imported
from tests.support import builders as make
from tests.support.pages import shown_fields

UPLOAD = "admin:bookings_booking_upload"
LIST = "admin:bookings_booking_changelist"
pytestmark = pytest.mark.django_db


@pytest.fixture
def user(client):
    user = make.member(make.company())
    client.force_login(user)
    return user


def upload(client, data, name="day.csv", company=None):
    company = company or make._geneva()
    file = SimpleUploadedFile(name, data)
    return client.post(reverse(UPLOAD), {"company": company.pk, "file": file, "date_order": ""})


def preview(client, data, name="day.csv"):
    response = upload(client, data, name)
    assert response.status_code == 302, response.context["form"].errors
    return response.url, client.get(response.url)


def test_nothing_is_written_before_it_is_confirmed(client, user):
    address, shown = preview(client, csv_of({}, {"reference": "R-2"}))
    assert "Would be created: 2" in shown.content.decode()
    assert [row[1] for row in shown.context["sample"]["rows"]] == ["R-1", "R-2"]
    assert not Booking.objects.exists()
    client.post(address, {"confirm": "1"})
    assert Booking.objects.count() == 2
    event = Event.objects.order_by("id").first()
    assert (event.door, event.user, event.reason) == ("admin", user, "day.csv, line 2")
    assert not ImportFile.objects.exists()


def test_an_excel_file_goes_the_same_way(client, user):
    address, _shown = preview(client, workbook(), "day.xlsx")
    client.post(address, {"confirm": "1"})
    assert Booking.objects.get().reference == "R-1"


def test_bad_rows_are_told_and_only_left_out_on_demand(client, user):
    data = csv_of({}, {"reference": "R-2", "pickup_lat": "95", "notes": "=1"})
    address, shown = preview(client, data)
    (row,) = shown.context["errors"]["rows"]
    assert row[:3] == [3, "pickup_lat", "95"]
    assert client.post(address, {"confirm": "1"}).status_code == 200
    assert not Booking.objects.exists()
    assert "pickup_lat" in client.get(f"{address}errors/").getvalue().decode()
    client.post(address, {"skip_invalid": "1"})
    assert Booking.objects.get().reference == "R-1"


@pytest.fixture
def assigned(user):
    """A trip of Anna's that the file gives 60 passengers, and the file."""
    day = timezone.localdate() + timedelta(days=1)
    driver = make.driver(name="Anna")
    make.shift(driver, day=day)
    booking = make.booking(day=day, reference="R-1")
    make.assignment(booking, driver, minutes=17)
    at = make.at("09:00", day).isoformat()
    return booking, csv_of({"passengers": "60", "scheduled_time": at})


def test_rows_that_break_trips_are_listed_and_left_out(client, assigned):
    booking, data = assigned
    address, shown = preview(client, data)
    (row,) = shown.context["broken"]["rows"]
    assert (row[0], row[1], row[2]) == (2, "R-1", "Anna")
    assert "Preview with these trips released" in shown.content.decode()
    told = client.post(address, {"confirm": "1"}, follow=True).content.decode()
    assert "trip R-1 of Anna" in told
    booking.refresh_from_db()
    assert (booking.passengers, booking.status) == (1, "assigned")


def test_the_trips_that_a_preview_lists_are_released_and_no_others(client, assigned):
    booking, data = assigned
    file = SimpleUploadedFile("day.csv", data)
    fields = {"company": booking.company_id, "file": file, "date_order": "", "release_broken": "on"}
    address = client.post(reverse(UPLOAD), fields).url
    shown = client.get(address)
    assert "would be released" in shown.content.decode()
    (row,) = shown.context["released"]["rows"]
    assert row[0] == 2
    (trip,) = shown.context["assignments"]
    assert f'name="release" value="{trip}"' in shown.content.decode()
    before = ImportFile.objects.values().get()
    client.post(address, {"confirm": "1", "release": str(trip + 1)})
    booking.refresh_from_db()
    assert booking.status == "assigned"
    ImportFile.objects.create(**before)
    client.post(address, {"confirm": "1", "release": str(trip)})
    booking.refresh_from_db()
    assert (booking.passengers, booking.status) == (60, "accepted")


def test_to_discard_imports_nothing(client, user):
    address, _shown = preview(client, csv_of())
    client.post(address, {"discard": "1"})
    assert not Booking.objects.exists()
    assert not ImportFile.objects.exists()


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"PK\x03\x04rubbish", b"<html>", b"a,b\n1,2\n"])
def test_hostile_files_are_refused_on_the_page(client, user, data):
    address, shown = preview(client, data)
    assert shown.status_code == 400
    assert shown.context["refusal"]
    assert client.post(address, {"confirm": "1"}).context["refusal"]
    assert not Booking.objects.exists()


def test_a_file_that_is_too_large_is_refused(client, user, monkeypatch):
    monkeypatch.setattr("bookings.admin.importing.UPLOAD_AT_MOST", 10)
    response = upload(client, csv_of())
    assert "split it" in str(response.context["form"].errors["file"])


def test_a_file_is_its_uploaders_alone(client, user):
    address, _shown = preview(client, csv_of())
    for other in (make.member(make.company("other")), make.member(make._geneva())):
        client.force_login(other)
        assert client.get(address).status_code == 404
        assert client.post(address, {"confirm": "1"}).status_code == 404
    assert not Booking.objects.exists()
    user.memberships.update(role=Role.VIEWER)  # meanwhile
    client.force_login(user)
    assert client.post(address, {"confirm": "1"}).status_code == 403


def test_no_import_into_another_company(client, user):
    response = upload(client, csv_of(), company=make.company("other"))
    assert "company" in response.context["form"].errors


def test_old_files_go(client, user):
    company, old = make._geneva(), timezone.now() - uploads.KEPT - timedelta(minutes=1)
    other = make.member(company)
    ImportFile.objects.create(company=company, user=other, name="x", data=b"", uploaded_at=old)
    upload(client, csv_of())
    upload(client, csv_of())
    assert ImportFile.objects.get().user == user


def test_the_list_is_exported_as_it_is_filtered(client, user):
    company = make._geneva()
    make.booking(company, reference="A", client=make.client(company, "Anna"))
    make.booking(company, reference="B", status="pending")
    make.booking(make.company("other"), reference="C")
    found = b"".join(
        client.get(reverse("admin:bookings_booking_export_csv"), {"q": "A"}).streaming_content
    ).decode()
    assert "Anna" in found
    assert "2026-06-17T09:00+02:00" in found
    assert "\nB," not in found
    assert "\nC," not in found


def test_the_other_lists_are_exported_too(client, user):
    company = make._geneva()
    anna = make.driver(company, name="Anna")
    make.client(company, "Zoé")
    make.shift(anna)
    Absence.objects.create(
        driver=anna, start_at=make.NOW, end_at=make.NOW + timedelta(hours=2), note="=1+1"
    )
    stranger = make.driver(make.company("other"), name="Xaver")
    make.shift(stranger)
    make.client(stranger.company, "Xaver")
    for name, told in (
        ("bookings_client", ["Zoé"]),
        ("drivers_driver", ["Anna", anna.vehicle.plate, "yes"]),
        ("drivers_vehicle", [anna.vehicle.plate]),
        ("drivers_shift", ["Anna", "2026-06-17T06:00+02:00"]),
        ("drivers_absence", ["Anna", "'=1+1"]),
    ):
        listed = client.get(reverse(f"admin:{name}_changelist")).content.decode()
        assert "export/csv/" in listed, name
        response = client.get(reverse(f"admin:{name}_export_csv"))
        assert response["Content-Disposition"].endswith(f'"{name.split("_")[1]}s.csv"')
        text = b"".join(response.streaming_content).decode()
        assert len(text.splitlines()) == 2, name
        assert all(word in text for word in told), name
        assert "Xaver" not in text


def test_what_is_exported_is_imported_unchanged(client, user):
    company = make._geneva()
    make.booking(company, reference="A", client=make.client(company, "Anna", phone="+41 22 1"))
    make.booking(company, reference="B", status="pending", will_call=True, needs=["oxygen"])
    stored = list(Booking.objects.order_by("id").values())
    export = client.get(reverse("admin:bookings_booking_export_csv"), {"day": "all"})
    data = b"".join(export.streaming_content)
    assert b",yes," in data
    for column in (b"status", b"cancel_reason"):
        assert column in data.splitlines()[0]
    result = import_bookings(
        company, data, actor=Actor(Door.COMMAND, name="x"), now=make.NOW, filename="x.csv"
    )
    assert (result.unchanged, result.errors, result.skipped, result.sample) == (2, (), (), ())
    assert list(Booking.objects.order_by("id").values()) == stored


def test_no_cell_of_an_export_is_a_formula(client, user):
    evil = '=HYPERLINK("http://x")'
    make.booking(make._geneva(), reference="A", notes=evil, pickup_address="@x\x0b")
    text = b"".join(
        client.get(reverse("admin:bookings_booking_export_csv"), {"day": "all"}).streaming_content
    ).decode()
    assert "'=HYPERLINK" in text
    response = client.get(reverse("admin:bookings_booking_export_xlsx"), {"day": "all"})
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(response.streaming_content))).active
    cells = {cell.value: cell.data_type for row in sheet.rows for cell in row}
    assert cells[evil] == "s"
    assert cells["@x"] == "s"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_too_long_a_list_is_refused_with_what_would_be_right(client, user, monkeypatch, kind):
    from bookings.admin import exporting

    answer, _most = exporting.FORMATS[kind]
    monkeypatch.setitem(exporting.FORMATS, kind, (answer, 1))
    for _ in range(2):
        make.booking()
    response = client.get(
        reverse(f"admin:bookings_booking_export_{kind}"), {"day": "all"}, follow=True
    )
    assert "more than 1 rows" in response.content.decode()


@pytest.mark.parametrize("rows", [1, 30])
def test_an_export_takes_a_constant_number_of_statements(
    client, user, rows, django_assert_max_num_queries
):
    for _ in range(rows):
        make.booking()
    with django_assert_max_num_queries(9):
        list(
            client.get(
                reverse("admin:bookings_booking_export_csv"), {"day": "all"}
            ).streaming_content
        )


# Addresses without positions ---------------------------------------------------------------

SURE, UNSURE = "Rue de Lausanne 12, 1201 Genève", "Rue de Lausanne 14, 1201 Genève"


@pytest.fixture
def addresses(user, tmp_path):
    """A register, and a file with one address that is in it, and one whose house is not."""
    imported(tmp_path, OPEN_ADDRESSES)
    blank = {"pickup_lat": "", "pickup_lon": ""}
    return csv_of(
        {"reference": "A", "pickup_address": SURE} | blank,
        {"reference": "B", "pickup_address": UNSURE} | blank,
    )


def test_places_are_shown_chosen_kept_with_the_file_and_imported(client, addresses):
    address, shown = preview(client, addresses)
    unsure, sure = shown.context["places"]
    assert (unsure["address"].value(), sure["address"].value()) == (UNSURE, SURE)
    assert unsure["match"].value() == ""
    offers = [text for _value, text in unsure.fields["match"].widget.choices]
    assert "the street without the house" in offers[1]
    assert json.loads(sure["match"].value()) == [SURE, 46.2107, 6.1434]
    fields = shown_fields(shown)
    street = unsure.fields["match"].widget.choices[1][0]
    again = client.post(address, fields | {"places-0-match": street, "choose": "1"})
    assert again.url == address
    assert not Booking.objects.exists()
    shown = client.get(address)
    assert "Import 2 bookings" in shown.content.decode()
    client.post(address, shown_fields(shown) | {"confirm": "1"})
    found = dict(Booking.objects.values_list("reference", "pickup_lat"))
    assert found == {"A": 46.2107, "B": json.loads(street)[1]}


def test_what_was_shown_is_imported_whatever_the_register_says_meanwhile(client, addresses):
    address, shown = preview(client, addresses)
    fields = shown_fields(shown)
    Street.objects.all().delete()
    client.post(address, fields | {"skip_invalid": "1"})
    assert Booking.objects.get().pickup_lat == 46.2107


def test_another_place_is_taken_only_with_its_position(client, addresses):
    address, shown = preview(client, addresses)
    fields = shown_fields(shown) | {"places-0-other_address": "Quai 3", "choose": "1"}
    refused = client.post(address, fields)
    assert "its position is needed" in refused.content.decode()
    assert "the street without the house" in refused.content.decode()  # still offered
    nowhere = {"places-0-other_lat": "95", "places-0-other_lon": "6.1"}
    assert "nowhere on earth" in client.post(address, fields | nowhere).content.decode()
    for wrong in ('["A"]', '["A", "x", 6]', "{", "[1, 46.2, 6.1]", '["A", 46.2, 600]'):
        answer = client.post(
            address, shown_fields(shown) | {"places-0-match": wrong, "confirm": "1"}
        )
        assert "Choose one of the places" in answer.content.decode(), wrong
    assert not Booking.objects.exists()
    place = {"places-0-other_lat": "46.3", "places-0-other_lon": "6.2", "choose": "1"}
    client.post(address, fields | place)
    (kept,) = ImportFile.objects.values_list("places", flat=True)
    assert kept["rue de lausanne 14, 1201 geneve"] == ["Quai 3", 46.3, 6.2]
    client.post(address, shown_fields(client.get(address)) | {"confirm": "1"})
    assert Booking.objects.get(reference="B").pickup_lat == 46.3


def test_what_has_to_be_chosen_comes_first_and_no_page_is_too_long(client, addresses, monkeypatch):
    monkeypatch.setattr("bookings.admin.placing.SHOWN", 1)
    address, shown = preview(client, addresses)
    assert [form["address"].value() for form in shown.context["places"]] == [UNSURE]
    assert "the first 1 of 2" in shown.content.decode()
