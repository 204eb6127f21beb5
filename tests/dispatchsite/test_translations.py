"""What people read is there in French."""

import pytest
from django.conf import settings
from django.utils import translation

from dispatchsite import messages
from dispatchsite.messages import stale


def test_every_text_is_translated_and_compiled():
    assert stale() == []


def test_a_new_text_and_one_without_its_values_are_found(tmp_path, monkeypatch):
    current = messages.texts()
    [(language, po)] = messages.catalogs()
    copy = tmp_path / language / "LC_MESSAGES" / "django.po"
    copy.parent.mkdir(parents=True)
    text = po.read_text(encoding="utf-8")
    assert 'msgstr "Aujourd’hui"' in text
    text = text.replace('msgstr "Aujourd’hui"', 'msgstr ""')
    text = text.replace("Entreprise %(slug)s créée", "Entreprise %(slag)s créée")
    copy.write_text(text, encoding="utf-8")
    copy.with_suffix(".mo").write_bytes(b"")
    monkeypatch.setattr(messages, "LOCALE", tmp_path)
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "texts", lambda: current)
    lines = "\n".join(stale())
    assert "'Today' is not translated" in lines
    assert "%(slug)s created" in lines
    assert "django.mo is not of today" in lines


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
@pytest.mark.django_db
def test_the_admin_speaks_each_language(admin_client, language):
    word = {"en": "Bookings", "fr": "Réservations"}[language]
    page = admin_client.get("/admin/", headers={"Accept-Language": language}).content.decode()
    assert word in page
    assert f'<html lang="{language}"' in page
    with translation.override(language):
        assert translation.gettext("Bookings") == word
