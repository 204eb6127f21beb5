"""Lists of any length are paged without counting every row."""

import pytest
from django.urls import reverse

from drivers.admin import paginator
from drivers.models import Role
from tests.support import builders as make

pytestmark = pytest.mark.django_db
LIST = "admin:drivers_vehicle_changelist"


@pytest.mark.parametrize(
    ("rows", "told"), [(3, "3 vehicles"), (5, "5 vehicles"), (6, "5+ vehicles")]
)
def test_rows_are_counted_up_to_a_bound_and_more_is_told(client, monkeypatch, rows, told):
    monkeypatch.setattr(paginator, "COUNTED_AT_MOST", 5)
    company = make.company()
    for _ in range(rows):
        make.vehicle(company)
    client.force_login(make.member(company, Role.OWNER))
    response = client.get(reverse(LIST))
    assert told in " ".join(response.content.decode().split())
    assert len(response.context["cl"].result_list) == min(rows, 50)


def test_only_the_bound_is_read(client, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(paginator, "COUNTED_AT_MOST", 5)
    company = make.company()
    for _ in range(8):
        make.vehicle(company)
    with django_assert_num_queries(1) as captured:
        count = paginator.BoundedPaginator(company.vehicles.order_by("plate"), 2).count
    assert (count, str(count)) == (5, "5+")
    assert "LIMIT 6" in captured[0]["sql"]
