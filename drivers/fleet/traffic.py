"""Set the traffic factors of a company: each change is a version, the newest one counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from drivers.companies.actors import Actor
from drivers.companies.policy import policy_changed
from drivers.models import Company, TrafficVersion, validate_factors
from drivers.refused import Refused


class TrafficRefused(Refused):
    """These are no traffic factors, or the version is none of the company; the message says why."""

    code = "invalid"
    status = 400
    field = "factors"


def set_traffic(
    company: Company,
    factors: Sequence[Sequence[float]],
    source: TrafficVersion.Source,
    *,
    now: datetime,
    actor: Actor,
    learned: Mapping[str, Any] | None = None,
) -> TrafficVersion:
    """Make a version of these factors, and plan by it from now on: 3 statements.

    And those of what follows the policy. `factors` are 7 days of 24, [] for free roads. Raises
    TrafficRefused.
    """
    values = [list(day) for day in factors]
    try:
        validate_factors(values)
    except ValidationError as error:
        raise TrafficRefused(" ".join(error.messages)) from error
    with transaction.atomic():
        Company.objects.select_for_update(no_key=True).only("id").get(pk=company.pk)
        version = TrafficVersion.objects.create(
            company=company,
            made_at=now,
            user_id=actor.user_id,
            actor=actor.name,
            source=source,
            factors=values,
            learned=dict(learned or {}),
        )
        Company.objects.filter(pk=company.pk).update(traffic=values)
        company.traffic = values
        policy_changed(company, {"traffic"}, actor=actor, now=now)
    return version


def restore_traffic(
    company: Company, version_id: int, *, now: datetime, actor: Actor
) -> TrafficVersion:
    """Make a version with the factors of an earlier one: 4 statements. Raises TrafficRefused."""
    earlier = TrafficVersion.objects.filter(company=company, pk=version_id).first()
    if earlier is None:
        raise TrafficRefused(_("The company has no such version of its traffic."))
    return set_traffic(
        company,
        earlier.factors,
        TrafficVersion.Source.RESTORED,
        now=now,
        actor=actor,
        learned=earlier.learned,
    )
