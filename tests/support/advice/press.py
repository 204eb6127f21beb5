"""Press every suggestion of a day by its own button, as a dispatcher does on the board.

The queue's form opens the dialog, the dialog's form is sent, and what is written then is held
against what the dialog announced. Each press is taken back.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from unittest import mock

from django.db import transaction
from django.test import Client
from django.urls import reverse

from dispatch.trips.advice.advise import Advice, Advised
from dispatch.trips.advice.suggestion import Kind, Suggestion
from dispatch.trips.driver_sick import report_sick
from drivers.models import Company
from tests.support import builders as make
from tests.support.advice.day import ACTOR, announced, begun, busiest, difference, rows_of
from tests.support.pages import Form, forms

DONE = "Done, as suggested."


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    DIFFERS = "differs"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button that was pressed; `why` it was refused, or in what it differs, with the change."""

    kind: Kind
    outcome: Outcome
    why: str = ""


def press_day(company: Company, now: datetime, *, panels: int) -> Iterator[tuple[str, Pressed]]:
    """Let a driver be sick at this moment; yield (where, what came of it) of each button.

    Where: in the "queue", in the "panels" of so many trips, or in the queue "in turn": after those
    before it that it goes together with. All is taken back.
    """
    with mock.patch("django.utils.timezone.now", return_value=now), transaction.atomic():
        begun(company, now)
        report_sick(company, busiest(company, now), actor=ACTOR, now=now)
        yield from press_all(_dispatcher(company), company, panels=panels)
        transaction.set_rollback(True)


def press_all(browser: Client, company: Company, *, panels: int) -> Iterator[tuple[str, Pressed]]:
    """Yield (where, what came of it) of each button, as `press_day`; those in turn are kept."""
    page = browser.get(reverse("admin:board:advice", args=[company.slug, make.DAY]))
    advice: tuple[Advice, ...] = page.context["found"].trips
    queue = list(_buttons(page, advice))
    for form, said in queue:
        yield "queue", press(browser, company, form, said)
    for one in [one for one in advice if _lacks_a_driver(one)][:panels]:
        panel = browser.get(reverse("admin:board:candidates", args=[company.slug, one.row.id]))
        told: Advice = panel.context["advice"]
        for form, said in _buttons(panel, () if told.candidates else (told,)):
            yield "panels", press(browser, company, form, said)
    for form, said in queue:
        if not said.suggestion.excluded_by:
            yield "in turn", press(browser, company, form, said, keep=True)


def press(
    browser: Client, company: Company, form: Form, said: Advised, *, keep: bool = False
) -> Pressed:
    """Press the button of a suggestion, and that of its dialog."""
    kind = said.suggestion.kind

    def ended(outcome: Outcome, why: object = "") -> Pressed:
        return Pressed(kind, outcome, why and f"{said.text} {form.fields}: {why}")

    before = rows_of(company)
    dialog = browser.get(form.address, form.fields)
    if dialog.status_code != 200:
        return ended(Outcome.REFUSED, _refusal(dialog))
    found: Suggestion = dialog.context["found"]
    (button,) = forms(dialog)
    with transaction.atomic():
        done = browser.post(button.address, button.fields)
        after = rows_of(company)
        transaction.set_rollback(not keep)
    if done.status_code != 200 or DONE not in done["HX-Trigger"]:
        return ended(Outcome.REFUSED, _refusal(done))
    if found.meaning() != said.suggestion.meaning():
        return ended(Outcome.DIFFERS, (said.suggestion.meaning(), found.meaning()))
    if wrong := difference(announced(before, found), after):
        return ended(Outcome.DIFFERS, wrong)
    return ended(Outcome.SUCCEEDED)


def _lacks_a_driver(advice: Advice) -> bool:
    """Return whether the panel shows suggestions, as no driver could take the trip just so."""
    best = next((one.suggestion for one in advice.suggestions), None)
    return best is not None and (best.kind != Kind.ASSIGN or bool(best.moves))


def _buttons(page: Any, advice: Iterable[Advice]) -> Iterator[tuple[Form, Advised]]:
    """Yield the form of each suggestion on the page with the suggestion."""
    said = [one for of_trip in advice for one in of_trip.suggestions]
    shown = [form for form in forms(page) if form.address.endswith("/advice/")]
    for form, one in zip(shown, said, strict=True):
        kept = one.suggestion.change.as_dict()
        if form.fields != {name: str(kept[name]) for name in kept if name != "booking_id"}:
            raise AssertionError(f"The button sends {form.fields}, not {kept}.")
        yield form, one


def _refusal(response: Any) -> str:
    context = response.context
    refusal = context and context.get("refusal")
    return f"{response.status_code} {refusal or response.content.decode()[:200]}"


def _dispatcher(company: Company) -> Client:
    browser = Client()
    browser.force_login(make.member(company))
    return browser
