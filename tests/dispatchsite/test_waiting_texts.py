"""A text may wait for its translator: it is English until then, counted and listed."""

from gettext import GNUTranslations

import pytest
from babel.messages.pofile import read_po, write_po

from dispatchsite import messages
from dispatchsite.messages import stale

pytestmark = pytest.mark.any_database

RELEASED = (
    "%(count)d trip was released: it needs a driver again.",
    "%(count)d trips were released: they need a driver again.",
)


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    """The French catalogue in a file that a test may change."""
    current = messages.texts()
    [(language, po)] = messages.catalogs()
    copy = tmp_path / language / "LC_MESSAGES" / "django.po"
    copy.parent.mkdir(parents=True)
    copy.write_text(po.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(messages, "LOCALE", tmp_path)
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "texts", lambda: current)
    return copy


def change(po, *texts, **fields):
    """Give these entries of the file other fields, and compile it."""
    with po.open("rb") as file:
        found = read_po(file, locale="fr")
    for text in texts:
        for name, value in fields.items():
            setattr(found[text], name, value)
    with po.open("wb") as file:
        write_po(file, found)
    po.with_suffix(".mo").write_bytes(messages.compiled(found))


@pytest.mark.slow
def test_a_text_may_wait_for_a_translator_and_is_english_until_then(catalog):
    change(catalog, "Today", string="", user_comments=[messages.WAITING])
    change(catalog, RELEASED, string=("", ""), user_comments=[messages.WAITING])
    assert stale() == []
    assert len(messages.waiting()) == 2
    assert "fr: 'Today' needs translation" in messages.waiting()
    with catalog.with_suffix(".mo").open("rb") as file:
        french = GNUTranslations(file)
    assert french.gettext("Today") == "Today"
    assert french.ngettext(*RELEASED, 2) == RELEASED[1]
    assert french.gettext("Bookings") == "Réservations"


@pytest.mark.slow
def test_a_translated_text_does_not_wait_any_more(catalog):
    change(catalog, "Today", user_comments=[messages.WAITING])
    assert messages.waiting() == []
    assert messages.merged("fr", catalog, messages.texts())["Today"].user_comments == []
