"""What follows when a company's policy changes, in the transaction of the change.

This app knows no bookings: whoever has what depends on the policy registers in its `ready()`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from drivers.companies.actors import Actor
from drivers.models import Company


class Follower(Protocol):
    """Called after the change, with the names of the changed fields."""

    def __call__(
        self, company: Company, changed: Collection[str], *, actor: Actor, now: datetime
    ) -> None: ...


FOLLOWERS: list[Follower] = []


def register(follower: Follower) -> None:
    """Let this follower hear of every change of a policy."""
    if follower not in FOLLOWERS:
        FOLLOWERS.append(follower)


def policy_changed(
    company: Company, changed: Collection[str], *, actor: Actor, now: datetime
) -> None:
    """Tell the followers that these fields of the company have changed."""
    for follower in FOLLOWERS:
        follower(company, changed, actor=actor, now=now)
