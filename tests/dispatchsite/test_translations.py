"""What people read is there in French."""

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import translation

from dispatchsite import messages
from dispatchsite.messages import stale

pytestmark = pytest.mark.any_database


@pytest.mark.slow
def test_every_text_is_translated_and_compiled():
    assert stale() == []


@pytest.mark.slow
def test_a_new_text_and_one_without_its_values_are_found(tmp_path, monkeypatch):
    current = messages.texts()
    [(language, po)] = messages.catalogs()
    copy = tmp_path / language / "LC_MESSAGES" / "django.po"
    copy.parent.mkdir(parents=True)
    text = po.read_text(encoding="utf-8")
    assert 'msgstr "Aujourd’hui"' in text
    text = text.replace('msgstr "Aujourd’hui"', 'msgstr ""')
    text = text.replace("Entreprise %(slug)s créée", "Entreprise %(slag)s créée")
    assert 'msgstr "Demain"' in text
    text = text.replace('msgstr "Demain"', 'msgstr "\\nDemain"')
    copy.write_text(text, encoding="utf-8")
    copy.with_suffix(".mo").write_bytes(b"")
    monkeypatch.setattr(messages, "LOCALE", tmp_path)
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "texts", lambda: current)
    lines = "\n".join(stale())
    assert "'Today' is not translated" in lines
    assert "%(slug)s created" in lines
    assert "'Tomorrow': its translation begins or ends without its line break" in lines
    assert "django.mo is not of today" in lines


@pytest.mark.slow
def test_a_compiled_file_counts_by_what_it_says(tmp_path, monkeypatch):
    current = messages.texts()
    [(language, po)] = messages.catalogs()
    copy = tmp_path / language / "LC_MESSAGES" / "django.po"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(po.read_bytes())
    with po.open("rb") as file:
        catalog = read_po(file, locale=language)
    monkeypatch.setattr(messages, "LOCALE", tmp_path)
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "texts", lambda: current)

    catalog.header_comment, catalog.project = "# Another tool", "Another"
    copy.with_suffix(".mo").write_bytes(messages.compiled(catalog))
    assert copy.with_suffix(".mo").read_bytes() != po.with_suffix(".mo").read_bytes()
    assert stale() == []

    catalog["Today"].string = "Demain"
    copy.with_suffix(".mo").write_bytes(messages.compiled(catalog))
    assert [line.split("/")[-1] for line in stale()] == ["django.mo is not of today"]


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
@pytest.mark.django_db
def test_the_admin_speaks_each_language(admin_client, language):
    word = {"en": "Bookings", "fr": "Réservations"}[language]
    page = admin_client.get("/admin/", headers={"Accept-Language": language}).content.decode()
    assert word in page
    assert f'<html lang="{language}"' in page
    with translation.override(language):
        assert translation.gettext("Bookings") == word
