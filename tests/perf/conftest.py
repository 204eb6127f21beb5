import pytest

from perf.measuring import scratch
from tests.support.template import template


@pytest.fixture(scope="session")
def migrated(django_db_setup, django_db_blocker):
    """Return the name of the database that this process copies, instead of migrating each."""
    with django_db_blocker.unblock(), scratch.migrated_once(template()) as name:
        yield name


@pytest.fixture(autouse=True)
def _copies(request):
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("migrated")
