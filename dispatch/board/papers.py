"""Say which papers of the drivers on duty, and of their vehicles, need somebody. No query."""

from collections.abc import Iterable
from datetime import date

from dispatch.forecast.driver_days import DriverDay
from drivers.fleet.expiring import expiring
from drivers.models import Company


def papers_of(company: Company, day: date, days: Iterable[DriverDay]) -> tuple[str, ...]:
    """Return a text for each paper that is over on the day, or within the company's warning."""
    found: dict[str, None] = {}
    for one in days:
        if not one.on_duty:
            continue
        driver = one.row
        own = {"licence_until": driver.licence_until, "permit_until": driver.permit_until}
        found |= dict.fromkeys(f"{driver.name}: {text}" for text in expiring(company, day, **own))
        for shift in one.shifts:
            of_vehicle = {
                "insurance_until": shift.insurance_until,
                "inspection_until": shift.inspection_until,
            }
            texts = expiring(company, day, **of_vehicle)
            found |= dict.fromkeys(f"{shift.plate}: {text}" for text in texts)
    return tuple(found)
