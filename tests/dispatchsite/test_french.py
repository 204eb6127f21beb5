"""Every page in French: what people read is French, what machines read is as in English."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import BytesIO

import pytest
from django.forms import DateField
from django.utils import translation
from django.utils.formats import date_format, time_format
from openpyxl import load_workbook

from bookings.models import Actor, Booking, Door
from dispatch.board.day import read_board
from dispatch.models import DispatchRun
from dispatch.runs.run import run_dispatch
from dispatchsite.messages import waiting_texts
from drivers.models import Role
from tests.drivers.admin.test_admin_matrix import GUARDED, PAGES, address, body, login, world
from tests.support import builders as make

pytestmark = pytest.mark.any_database

FRENCH, ENGLISH = {"Accept-Language": "fr-CH, fr;q=0.9"}, {"Accept-Language": "en"}
# A text with one of these was not translated; our rows have none of them. (Django keeps the
# names of permissions in English.)
WORDS = re.compile(
    r"(?<!Can )\b(the|of|and|with|this|from|are|was|your?|not|add|select|by)\b", re.IGNORECASE
)
# Texts that wait for a translator are English on purpose; their values may be anything.
VALUE = re.compile(r"%(?:\(\w+\))?[-+#0-9.]*[a-z]")  # such as %(count)d
WAITING = [
    re.compile(".*?".join(re.escape(part) for part in VALUE.split(" ".join(text.split()))))
    for text in waiting_texts()
]
ACTOR = Actor(Door.ADMIN, name="tester")
COMMA = re.compile(r"\d,\d")
VALUES = {
    "date": r"(\d{4}-\d\d-\d\d)?",
    "time": r"(\d\d:\d\d(:\d\d)?)?",
    "datetime-local": r"(\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?)?",
    "number": r"(-?\d+(\.\d+)?)?",
    "hidden": r"(?!-?\d+,\d).*",
}


class Page(HTMLParser):
    """What a browser gets of a page: texts to read, and attributes for machines."""

    SILENT = ("script", "style", "code", "template")
    READ = ("title", "aria-label", "placeholder", "alt")

    def __init__(self, html):
        super().__init__()
        self.inside, self.texts, self.wrong, self.language = [], [], [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = attrs.get("lang")
        if tag in self.SILENT or (
            tag in ("i", "span") and "material-symbols" in attrs.get("class", "")
        ):
            self.inside.append(tag)
        self.texts += [attrs[name] for name in self.READ if name in attrs]
        machine = {n: v for n, v in attrs.items() if n == "style" or n.startswith(("data-", "hx-"))}
        self.wrong += [(tag, name, v) for name, v in machine.items() if COMMA.search(v)]
        if tag in ("input", "option") and "value" in attrs:
            form = VALUES.get(attrs.get("type", "hidden"), "(?s:.*)")
            if not re.fullmatch(form, attrs["value"], re.DOTALL):
                self.wrong.append((tag, attrs.get("name"), attrs["value"]))

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        if not self.inside and data.strip():
            self.texts.append(" ".join(data.split()))


def english_in(texts):
    """Return the texts with an English word, but for those that wait for a translator."""
    for text in texts:
        left = text
        for waiting in WAITING:
            left = waiting.sub("", left)
        if WORDS.search(left):
            yield text


def is_page(response):
    return response.status_code == 200 and response["Content-Type"].startswith("text/html")


@pytest.fixture
def geneva(client, db):
    own = world(make.company("geneva"))
    own.user = login(client, "superuser", own.company)
    return own


def addresses(own):
    frame = [page for page in PAGES if page[0].split("/")[1] in ("auth", "perf", "", "login")]
    for path, _name, _space in [*GUARDED, *(page for page in frame if "<" not in page[0])]:
        yield address(path, own, own.user)


@pytest.mark.slow
def test_every_page_is_french_and_its_attributes_are_for_machines(client, geneva):
    pages = 0
    for where in addresses(geneva):
        response = client.get(where, headers=FRENCH)
        if not is_page(response):
            continue
        page = Page(body(response))
        assert page.language in ("fr", None), where
        assert page.wrong == [], where
        assert list(english_in(page.texts)) == [], where
        pages += 1
    assert pages > 60


def cells(response):
    sheets = load_workbook(BytesIO(b"".join(response) if response.streaming else response.content))
    return [list(sheet.values) for sheet in sheets]


@pytest.mark.slow
def test_files_and_json_are_the_same_in_both_languages(client, geneva):
    seen = set()
    for where in addresses(geneva):
        french = client.get(where, headers=FRENCH)
        kind = french.get("Content-Type", "").split(";")[0]
        if french.status_code != 200 or kind in ("text/html", "text/javascript"):
            continue
        english = client.get(where, headers=ENGLISH)
        read = cells if "sheet" in kind else body
        assert read(french) == read(english), where
        seen.add(kind)
    assert {"text/csv", "application/json"} < seen


def test_a_reason_is_in_the_language_of_its_reader(client, geneva):
    booking = make.booking(geneva.company, "11:00", reference="FIVE", passengers=9)
    Booking.objects.update(updated_at=make.NOW)
    with translation.override("en"):
        run_dispatch(geneva.company, make.DAY, now=make.NOW, actor=ACTOR)
    run = DispatchRun.objects.latest("id")
    (row,) = [row for row in run.unassigned if row["booking"] == booking.id]
    assert row["detail"] == "No vehicle has 9 seats and 0 wheelchair places."
    french = "Aucun véhicule n’a à la fois 9 sièges et 0 places fauteuil."
    with translation.override("fr"):
        waiting = {
            w.row.id: w.reason for w in read_board(geneva.company, make.DAY, now=make.NOW).waiting
        }
    assert waiting[booking.id] == french
    page = f"/admin/dispatch/dispatchrun/{run.pk}/change/"
    assert french in body(client.get(page, headers=FRENCH))
    login(client, Role.DISPATCHER, geneva.company)
    answer = client.get(f"/api/v1/dispatch-runs/{run.pk}/", headers=FRENCH)
    told = answer.json()["unassigned"]
    assert french in [row["detail"] for row in told]


def test_the_board_is_french_and_its_lengths_are_css(client, geneva):
    make.booking(geneva.company, "10:00")
    text = body(client.get(f"/admin/board/geneva/{make.DAY}/", headers=FRENCH))
    assert re.search(r"--room:\d+(\.\d+)?\"", text)
    for word in ("Tableau du jour", "Réservées", "Seront en retard", "Prise en charge", "mercredi"):
        assert word in text
    assert re.search(r'style="left:\d+\.\d+%', text)
    assert not re.search(r"\d,\d+%", text)
    assert re.search(r"\d min, \d+,\d km sans passagers", text)


def test_the_switch_keeps_the_language_whatever_the_browser_asks_for(client, geneva):
    page = "/admin/bookings/booking/"
    assert 'action="/i18n/setlang/"' in body(client.get(page, headers=ENGLISH))
    client.post("/i18n/setlang/", {"language": "fr", "next": page})
    assert '<html lang="fr"' in body(client.get(page, headers=ENGLISH))


@pytest.mark.parametrize(
    ("language", "day", "moment"),
    [("en", "24 Nov 2026", "24 Nov 2026, 14:05"), ("fr", "24.11.2026", "24.11.2026 14:05")],
)
def test_dates_are_written_and_read_as_in_geneva(language, day, moment):
    at = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)
    with translation.override(language):
        assert date_format(at, "SHORT_DATE_FORMAT") == day
        assert date_format(at, "SHORT_DATETIME_FORMAT") == moment
        assert time_format(at) == "14:05"
        for text in (day, "24.11.2026", "2026-11-24"):
            assert DateField().clean(text) == at.date()
