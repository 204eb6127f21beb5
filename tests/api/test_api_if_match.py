"""`If-Match` is compared where the row cannot change before it is written."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch.api import runs
from dispatch.models import DispatchRun
from drivers.models import Role
from drivers.rest import views
from tests.api.test_api import duty, tomorrow
from tests.api.test_api_matrix import row_of
from tests.dispatch.runs.test_concurrency import together
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("webhooks/{pk}/rotate/", "post"),
        ("webhook-deliveries/{pk}/redeliver/", "post"),
        ("tokens/{pk}/revoke/", "post"),
        ("dispatch-runs/{pk}/discard/", "post"),
        ("webhooks/{pk}/", "patch"),
        ("webhooks/{pk}/", "delete"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_an_etag_is_compared_under_the_lock_of_its_row(monkeypatch, path, method):
    company = make.company()
    row, owner = row_of(API + path, company), caller(Role.OWNER, company)
    DispatchRun.objects.update(status="preview")
    compare, compared = views.compare_tag, []

    def compare_locked(request, current):
        locks = any("FOR NO KEY UPDATE" in query["sql"] for query in seen)
        compared.append(
            connection.in_atomic_block and (locks or not connection.features.has_select_for_update)
        )
        return compare(request, current)

    monkeypatch.setattr(views, "compare_tag", compare_locked)
    address = API + path.replace("{pk}", str(row.pk))
    with CaptureQueriesContext(connection) as seen:
        done = getattr(owner, method)(address, {}, HTTP_IF_MATCH="*")
    assert done.status_code in (200, 204), done.content
    assert compared == [True]


@pytest.mark.django_db(transaction=True)
def test_of_many_with_one_etag_at_once_one_revokes():
    company = make.company()
    owner, token = caller(Role.OWNER, company), row_of(f"{API}tokens/", company)
    path = f"{API}tokens/{token.pk}/"
    tag = owner.get(path)["ETag"]
    results = together(*[lambda: owner.post(f"{path}revoke/", {}, HTTP_IF_MATCH=tag)] * 4)
    assert sorted(r.status_code for r in results) == [200, 412, 412, 412]


def test_who_applies_a_preview_that_another_has_just_applied_is_told_so_by_the_etag(monkeypatch):
    dispatcher = caller()
    duty()
    make.booking(scheduled_time=tomorrow("09:00"))
    body = {"day": str(tomorrow("09:00").date()), "time_limit_s": 0, "preview": True}
    run = dispatcher.post(f"{API}dispatch-runs/", body).json()["run"]
    path = f"{API}dispatch-runs/{run}/"
    tag = dispatcher.get(path)["ETag"]

    def be_late(*args, apply=runs.apply_preview, **options):
        apply(*args, **options)
        return apply(*args, **options)

    monkeypatch.setattr(runs, "apply_preview", be_late)
    late = dispatcher.post(f"{path}apply/", {}, HTTP_IF_MATCH=tag)
    assert (late.status_code, late.json()["type"]) == (412, "urn:dispatchsite:problem:stale")
    monkeypatch.undo()
    assert dispatcher.post(f"{path}apply/", {}).status_code == 409
