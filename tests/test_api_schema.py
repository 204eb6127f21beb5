"""The committed description of the API is the one the code gives."""

from pathlib import Path

import pytest
import yaml
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

from bookings.api.shape import BookingSerializer
from dispatch.api.trips import TripSerializer
from drivers.models import Role
from tests import builders as make
from tests.callers import API, caller

COMMITTED = Path(settings.BASE_DIR) / "dispatchsite" / "openapi.yaml"


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def test_the_schema_is_committed(schema):
    current = OpenApiYamlRenderer().render(schema, renderer_context={}).decode()
    hint = "python manage.py spectacular --file dispatchsite/openapi.yaml"
    assert COMMITTED.read_text() == current, f"The API has changed; run: {hint}"


def test_the_schema_is_valid_openapi_3_1(schema):
    assert schema["openapi"] == "3.1.0"
    validate_schema(yaml.safe_load(COMMITTED.read_text()))


def test_every_operation_names_its_errors(schema):
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"].keys()
            assert {"400", "401", "403", "404", "429"} <= responses, (path, method)


@pytest.mark.django_db
def test_bookings_look_as_the_schema_says():
    booking = make.booking()
    shown = caller(Role.CLIENT_API).get(f"{API}bookings/{booking.id}/").json()
    assert list(shown) == TripSerializer.Meta.fields
    serialized = BookingSerializer(booking).data
    assert {name: shown[name] for name in serialized} == serialized


@pytest.mark.django_db
def test_the_documentation_needs_no_other_server(client):
    page = client.get(f"{API}docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "/static/drf_spectacular_sidecar/" in text
    assert "https://" not in text
