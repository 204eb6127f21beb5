"""Telephone numbers are compared as people compare them."""

import pytest

from drivers.phones import person_key, phone_key, region_of

ZONE = "Europe/Zurich"
SPELLINGS = [
    "+41 79 000 00 02", "0041790000002", "+41790000002", "079 000 00 02", "079/000.00.02",
    "(079) 000-00-02", "+41 (0)79 000 00 02", "\u200b079 000 00 02", "０７９ 000 00 02",
]  # fmt: skip


@pytest.mark.parametrize("text", SPELLINGS)
def test_one_number_has_one_key(text):
    assert phone_key(text, ZONE) == "+41790000002"


def test_the_country_is_that_of_the_timezone():
    assert (region_of(ZONE), region_of("Europe/Paris"), region_of("UTC")) == ("CH", "FR", None)
    assert phone_key("06 12 34 56 78", "Europe/Paris") == "+33612345678"
    assert phone_key("079 000 00 02", "UTC") == "0790000002"


def test_what_is_no_number_is_compared_as_a_text():
    assert phone_key("Ward 3, ext. 12", ZONE) == phone_key("ward 3 ext 12", ZONE) != ""
    assert phone_key(" ", ZONE) == ""


def test_names_are_compared_without_case_accents_and_form():
    assert person_key("ÉLODIE  Müller", "", ZONE) == person_key("Elodie Mu\u0308ller", "", ZONE)
    assert person_key("Elodie Muller", "", ZONE) != person_key("Elodie Miller", "", ZONE)
