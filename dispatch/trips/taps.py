"""Take in what drivers tapped on their phones: in order, each once, at the time of the tap.

A phone without network keeps its taps and sends them later, perhaps twice, for an answer may be
lost. Each has a key that the phone made: what was received once is answered as before. What cannot
be recorded is refused with a sentence for the driver, and the taps after it go on.

A phone's clock may be wrong: what it says when it sends is compared with the server's, and the
times of its taps are put right by the difference.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils.translation import gettext as _

from bookings import cancel_reasons
from bookings.models import Actor, Booking, Door, Status
from bookings.save import StatusRefusedError
from dispatch import ledger
from dispatch.models import Tap
from dispatch.trips.decisions import confirm, release
from dispatch.trips.inverses import not_undoable
from dispatch.trips.locking import NoSuchTrip
from dispatch.trips.progress import arrive, report_progress
from dispatch.trips.take_back import take_back
from drivers.models import Company, Device, Driver
from drivers.refused import Refused

logger = logging.getLogger(__name__)
Kind, Outcome = Tap.Kind, Tap.Outcome
STATUS = {
    Kind.EN_ROUTE: Status.EN_ROUTE,
    Kind.ON_BOARD: Status.IN_PROGRESS,
    Kind.DONE: Status.COMPLETED,
    Kind.NO_SHOW: Status.NO_SHOW,
}
WAY = (Status.EN_ROUTE, Status.IN_PROGRESS, Status.COMPLETED)
OF_TRIPS = {*STATUS, Kind.ARRIVED, Kind.CONFIRM, Kind.DECLINE}
# A wrong tap can be taken back for a minute; the phone may need a few seconds for the second one.
TAKE_BACK_WITHIN = timedelta(seconds=65)
# A phone that kept a tap for so long would be told that its trip is over anyway.
KEPT = timedelta(days=30)
# Differences below are the network's, not the clock's.
CLOCK_OFF = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Tapped:
    """One tap as the phone sent it; `at` is by the phone's clock, `of` the key of another tap.

    `code` is the reason of a no-show (bookings/cancel_reasons.py), `text` what the driver wrote.
    """

    key: str
    kind: Tap.Kind
    at: datetime
    booking_id: int | None = None
    code: str = ""
    text: str = ""
    of: str = ""

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("A tap needs a key.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a tap; `said` is a sentence for the driver if it was refused."""

    key: str
    outcome: Tap.Outcome
    said: str = ""


def take_in(
    device: Device, tapped: Sequence[Tapped], *, sent_at: datetime, now: datetime
) -> list[Answer]:
    """Record the taps in their order, each in a transaction of its own; return the answers.

    `sent_at` is when the phone sent them, by its own clock. One statement, and at most 20 for each
    tap that was not received before.
    """
    if not tapped:
        return []
    known = _known(device, [tap.key for tap in tapped])
    ahead = sent_at - now
    if abs(ahead) < CLOCK_OFF:
        ahead = timedelta(0)
    answers = []
    for i, tap in enumerate(tapped):
        if tap.key not in known:
            at = min(tap.at - ahead, now)
            # What is written by one tap is found again by its moment.
            known[tap.key] = _take(device, tap, at, now + timedelta(microseconds=i))
        answers.append(known[tap.key])
    return answers


def _known(device: Device, keys: Iterable[str]) -> dict[str, Answer]:
    rows = Tap.objects.filter(device=device, key__in=sorted(set(keys)))
    found = rows.values_list("key", "outcome", "said")
    return {key: Answer(key, Outcome(outcome), said) for key, outcome, said in found}


def _take(device: Device, tap: Tapped, at: datetime, now: datetime) -> Answer:
    """Do what the tap says and keep the answer; what both write is written together, or nothing."""
    try:
        with transaction.atomic():
            answer = _tried(device, tap, at, now)
            Tap.objects.create(
                device=device, key=tap.key, kind=tap.kind, booking_id=tap.booking_id, at=at,
                received_at=now, outcome=answer.outcome, said=answer.said,
            )  # fmt: skip
    except IntegrityError:  # the same tap came in twice at once: tap_once
        return _known(device, [tap.key])[tap.key]
    return answer


def _tried(device: Device, tap: Tapped, at: datetime, now: datetime) -> Answer:
    """Do what the tap says and return the answer; a refused tap leaves nothing."""
    try:
        with transaction.atomic():
            changed = _do(device, tap, at, now)
    except Refused as refusal:
        return Answer(tap.key, Outcome.REFUSED, str(refusal))
    except (OperationalError, InterfaceError):  # the database is away or busy: sent again later
        raise
    except Exception:  # a fault of ours: this tap must not keep all that come after it
        logger.exception("A tap “%s” of the phone %s could not be recorded.", tap.kind, device.pk)
        return Answer(tap.key, Outcome.REFUSED, _("This could not be recorded. Tell the desk."))
    return Answer(tap.key, Outcome.DONE if changed else Outcome.SAME)


def _do(device: Device, tap: Tapped, at: datetime, now: datetime) -> bool:
    """Call the use-case of the tap; return whether anything changed. Raises Refused."""
    driver = device.driver
    company, actor = driver.company, actor_of(driver)
    if tap.kind == Kind.TAKE_BACK:
        _take_back(device, tap, at, actor, now)
        return True
    if tap.kind not in OF_TRIPS:
        ledger.log_report(
            company.pk, driver.pk, tap.kind, tap.text, booking_id=tap.booking_id, actor=actor,
            now=now,
        )  # fmt: skip
        return True
    try:
        return _report(company, driver, tap, at, actor, now)
    except StatusRefusedError:
        if _is_past(company, tap):  # reported by the driver's other phone, or by the desk
            return False
        raise
    except NoSuchTrip:
        raise NoSuchTrip(
            _(
                "This trip was cancelled or given to somebody else. What you reported at %(at)s "
                "was not recorded."
            )
            % {"at": company.clock(at)}
        ) from None


def _report(
    company: Company, driver: Driver, tap: Tapped, at: datetime, actor: Actor, now: datetime
) -> bool:
    booking_id = tap.booking_id or 0
    if tap.kind == Kind.CONFIRM:
        return confirm(company, booking_id, driver_id=driver.pk, actor=actor, now=now).changed
    if tap.kind == Kind.DECLINE:
        reason = _("declined: %(why)s") % {"why": tap.text}
        done = release(
            company, booking_id, driver_id=driver.pk, actor=actor, now=now, reason=reason
        )
        return done.changed
    if tap.kind == Kind.ARRIVED:
        return arrive(company, booking_id, driver_id=driver.pk, actor=actor, now=now, at=at).changed
    status = STATUS[tap.kind]
    done = report_progress(
        company, booking_id, status, driver_id=driver.pk, actor=actor, now=now, at=at,
        reason=cancel_reasons.written(tap.code, tap.text),
    )  # fmt: skip
    return done.changed


def _is_past(company: Company, tap: Tapped) -> bool:
    """Return whether the trip is beyond what the tap says: 1 statement."""
    found = Booking.objects.filter(company=company, pk=tap.booking_id or 0)
    status = found.values_list("status", flat=True).first()
    wanted = Status.EN_ROUTE if tap.kind == Kind.ARRIVED else STATUS.get(tap.kind)
    return wanted in WAY and status in WAY and WAY.index(status) > WAY.index(wanted)


def _take_back(device: Device, tap: Tapped, at: datetime, actor: Actor, now: datetime) -> None:
    """Take back the tap that `tap.of` names. Raises NotUndoable."""
    wrong = Tap.objects.filter(device=device, key=tap.of, kind__in=sorted(OF_TRIPS)).first()
    if wrong is None or wrong.outcome != Outcome.DONE:
        raise not_undoable(_("Nothing was recorded."))
    if at - wrong.at > TAKE_BACK_WITHIN:
        raise not_undoable(_("More than a minute has passed: tell the desk."))
    take_back(device.driver.company, wrong.booking_id or 0, wrong.received_at, actor=actor, now=now)


def actor_of(driver: Driver) -> Actor:
    """Return who reports on a phone: the driver, also one without an account."""
    return Actor(Door.PHONE, name=driver.name, user_id=driver.user_id)


def clear_taps(*, now: datetime) -> int:
    """Delete what phones reported long ago; the log has it. Return how many: 1 statement."""
    return Tap.objects.filter(received_at__lt=now - KEPT).delete()[0]
