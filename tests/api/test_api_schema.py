"""The committed description of the API is the one the code gives."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema
from rest_framework import serializers

from bookings.api.serializers import BookingSerializer
from dispatch.api.trip_serializers import TripSerializer
from drivers.models import Role
from drivers.refused import refusals
from drivers.rest.errors import OF_DATABASE
from drivers.rest.fields import Body, KnownFields
from drivers.rest.schema import error_codes, problems
from drivers.rest.views import Resource
from tests.api.described import disagreements
from tests.support import builders as make
from tests.support.callers import API, caller

COMMITTED = Path(settings.BASE_DIR) / "dispatchsite" / "openapi.yaml"
pytestmark = pytest.mark.any_database


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.mark.slow
def test_the_schema_is_committed(schema):
    """What both say counts, not how the installed YAML writes it."""
    current = OpenApiYamlRenderer().render(schema, renderer_context={})
    hint = "python manage.py spectacular --file dispatchsite/openapi.yaml"
    assert yaml.safe_load(COMMITTED.read_text()) == yaml.safe_load(current), (
        f"The API has changed; run: {hint}"
    )


@pytest.mark.slow
def test_the_schema_is_valid_openapi_3_1(schema):
    assert schema["openapi"] == "3.1.0"
    validate_schema(yaml.safe_load(COMMITTED.read_text()))


def test_every_operation_names_its_errors(schema):
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"].keys()
            assert {"400", "401", "403", "404", "429"} <= responses, (path, method)


def test_every_problem_is_described(schema):
    text = schema["components"]["schemas"]["Problem"]["properties"]["type"]["description"]
    described = {
        (code, int(status)) for code, status in re.findall(r"- `(\w+)` \((\d+)\): \w", text)
    }
    assert {(each.code, each.status) for each in refusals()} < described
    assert {(code, status) for status, code, _said in OF_DATABASE.values()} < described
    assert described == {(code, status) for code, (status, _meaning) in problems().items()}


# Of values that JSON does not have, limits that nothing sets, fields that only answers have, and
# what a stricter field refuses before.
NEVER_TOLD = {
    *("date", "datetime", "make_aware", "overflow", "max_string_length", "min_length"),
    *("not_a_dict", "incorrect_type"),
}


def fields_of(serializer):
    for field in serializer.fields.values():
        while field is not None:
            if not field.read_only:
                yield field
            field = getattr(field, "child", None)


def bodies(base=KnownFields):
    for found in base.__subclasses__():
        yield from bodies(found)
        if issubclass(found, serializers.Serializer) and found not in (Body, Resource):
            yield found()


def test_every_code_of_a_field_is_described(schema):
    """Those of answers are held against the same list, in `described.py`."""
    seen = set()
    for body in bodies():
        for field in fields_of(body):
            seen |= field.error_messages.keys() | {
                code for v in field.validators if (code := getattr(v, "code", "invalid"))
            }
    assert {"offset", "max_value", "does_not_exist"} <= seen
    text = schema["components"]["schemas"]["FieldError"]["properties"]["code"]["description"]
    described = set(re.findall(r"- `(\w+)`: \w", text))
    assert described == error_codes().keys()
    assert seen - NEVER_TOLD - described == set()
    of_refusals = {code for each in refusals() for code in each.error_codes}
    assert of_refusals >= {"in_the_past", "no_duty"}
    assert of_refusals <= described


def test_search_is_described_where_it_works(schema):
    described = {
        path
        for path, operations in schema["paths"].items()
        for row in operations.get("get", {}).get("parameters", [])
        if row["name"] == "search"
    }
    searched = ("bookings", "clients", "company-places", "drivers", "vehicles")
    assert described == {f"{API}{name}/" for name in searched}


@pytest.mark.django_db
def test_what_is_expanded_is_described():
    """The fixture of this folder holds each answer against the description."""
    portal, booking = caller(Role.CLIENT_API), make.booking(client=make.client())
    make.assignment(booking, make.driver())
    make.booking(series=make.series(), series_day=make.DAY, series_leg=0)
    for expand in ("client", "assignment", "driver", "client,assignment,driver", "series"):
        for path in ("bookings/", f"bookings/{booking.id}/"):
            assert portal.get(f"{API}{path}?expand={expand}").status_code == 200
    broken = portal.get(f"{API}bookings/{booking.id}/?expand=client")
    broken["Location"] = "elsewhere"
    assert disagreements("GET", f"{API}bookings/{booking.id}/", "", broken)


@pytest.mark.django_db
def test_bookings_look_as_the_schema_says():
    booking = make.booking()
    shown = caller(Role.CLIENT_API).get(f"{API}bookings/{booking.id}/").json()
    assert list(shown) == TripSerializer.Meta.fields
    serialized = BookingSerializer(booking).data
    assert {name: shown[name] for name in serialized} == serialized


def test_bodies_and_answers_have_valid_examples(schema):
    schemas = json.loads(json.dumps(schema["components"]["schemas"]))
    for operations in schema["paths"].values():
        for operation in operations.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for body in bodies:
                for media in body.get("content", {}).values():
                    name = media["schema"].get("$ref", "/").rpartition("/")[2]
                    assert not name or schemas[name].get("examples"), (operation, name)
    for name, found in schemas.items():
        for example in found.get("examples", []):
            jsonschema.Draft202012Validator(
                {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
            ).validate(example)


@pytest.mark.django_db
@pytest.mark.slow
def test_the_schema_is_served_as_it_is_committed(client):
    served = client.get(f"{API}schema/").content
    assert yaml.safe_load(served) == yaml.safe_load(COMMITTED.read_text())


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["docs", "redoc"])
def test_the_documentation_needs_no_other_server(client, page):
    shown = client.get(f"{API}{page}/")
    assert shown.status_code == 200
    text = shown.content.decode()
    assert "/static/drf_spectacular_sidecar/" in text
    assert "https://" not in text
