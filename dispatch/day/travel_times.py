"""Make the travel times of a company: the one place where its road network is chosen."""

from dispatch.planner.travel import GreatCircle, TravelTimes
from drivers.models import Company


def travel_times(company: Company) -> TravelTimes:
    """Return the travel times that plans and the board of the company share: no query."""
    return GreatCircle(company.speed_kmh, company.circuity)
