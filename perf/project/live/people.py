"""Who is at work on a live day, and when what they carry asks the server.

A board asks when its last answer has come (`Board`); what moves about asks by the clock, whether
the server keeps up or not: an open model, as in `perf.project.load.arrivals`. Pure: the same seed
gives the same schedule. Seconds from the start.
"""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

POLL_S = 1.4  # a board asks for news (board.js: POLL_MS)
STALE_S = 60  # a board is read again without news (board.js: STALE_MS)
PHONE_S = 60  # a phone on duty asks for its day (drive.js: POLL_MS)
PHONE_POSITIONS = 5  # that it has noted meanwhile: one each 100 m, of a car in a town
APP_S = 10  # a driver's app reports its position
LINGER_S = 4  # boards stay so long after the last act, to see it
DRIVER, PHONE, ACT = "positions of an app", "a phone", "an act"


class Due(NamedTuple):
    at_s: float
    kind: str
    who: int


@dataclass(frozen=True, slots=True)
class People:
    """How many: open boards of one company, phones, apps of drivers; an act every so often.

    `act_every_s` 0: no dispatcher does anything.
    """

    boards: int = 30
    phones: int = 200
    drivers: int = 1_000
    act_every_s: float = 5

    def rates(self) -> dict[str, float]:
        """Return requests a second by kind; of boards, as long as there is no news."""
        return {
            "news": self.boards / POLL_S,
            PHONE: self.phones / PHONE_S,
            DRIVER: self.drivers / APP_S,
            ACT: 1 / self.act_every_s if self.act_every_s else 0,
        }

    def schedule(self, *, seconds: float, seed: int) -> list[Due]:
        """Return what is due in [0, seconds), in order: each phone and app at its own moments."""
        random = Random(seed)
        due = []
        for kind, many, every_s in ((PHONE, self.phones, PHONE_S), (DRIVER, self.drivers, APP_S)):
            for who in range(many):
                due += _again(kind, who, random.uniform(0, every_s), every_s, seconds)
        if self.act_every_s:
            due += _again(ACT, 0, self.act_every_s / 2, self.act_every_s, seconds)
        return sorted(due)


def _again(kind, who, first_s, every_s, seconds):
    at_s = first_s
    while at_s < seconds:
        yield Due(at_s, kind, who)
        at_s += every_s
