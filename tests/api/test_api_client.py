"""A client that a generator makes from the committed description, as the page says, works."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.utils import timezone

from drivers.companies.tokens import issue_token
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import BOOKED

pytestmark = pytest.mark.any_database

SCHEMA = Path(settings.BASE_DIR) / "dispatchsite" / "openapi.yaml"
PAGE = Path(settings.BASE_DIR) / "docs" / "clients.md"
# Modules of a generated client import these beside the class of a schema.
OF_GENERATORS = {
    *("Any", "AuthenticatedClient", "Client", "Error", "File", "HTTPStatus", "Headers", "Request"),
    *("Response", "Self", "Unset"),
}
OF_TYPESCRIPT = {"Array", "Boolean", "Date", "Map", "Number", "Object", "Promise", "Record", "Set"}


def block(language):
    """Return the one block of the page in this language."""
    text = PAGE.read_text(encoding="utf-8")
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
    return found


def run(folder, *command, **environment):
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": tools, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder in which the commands of the page were run, and what they said."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.yaml").symlink_to(SCHEMA)
    (folder / "setup.cfg").write_text("[mypy]\n")  # none of the project's own settings
    return folder, run(folder, "bash", "-euo", "pipefail", "-c", block("sh"))


@pytest.fixture(scope="module")
def package(made):
    folder, done = made
    assert (folder / "dispatchsite_client" / "client.py").exists(), done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield "dispatchsite_client"
    sys.path.remove(str(folder))


@pytest.fixture
def key():
    member = make.member(role=Role.CLIENT_API).memberships.get()
    return issue_token(member, name="client", now=timezone.now())[1]


@pytest.mark.slow
def test_the_types_of_a_generated_client_are_sound(made):
    _folder, done = made
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Warning" not in said
    assert re.search(r"no issues found in \d{3} source files", said), said


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_python_of_the_page_is_sound_and_lists_bookings(made, package, key, live_server):
    folder, _done = made
    (folder / "call.py").write_text(block("python"), encoding="utf-8")
    checked = run(folder, "mypy", "--strict", "call.py")
    assert checked.returncode == 0, checked.stdout
    make.booking(reference="PAGE-1")
    called = run(
        folder, sys.executable, "call.py", SERVER=live_server.url, KEY=key, NO_PROXY="localhost"
    )
    assert "PAGE-1" in called.stdout, called.stderr
    refused = run(
        folder, sys.executable, "call.py", SERVER=live_server.url, KEY="x", NO_PROXY="localhost"
    )
    assert "The server refused: Problem(" in refused.stderr


@pytest.mark.django_db(transaction=True)
def test_a_generated_client_books_lists_and_polls(package, key, live_server):

    def load(name):
        return importlib.import_module(f"{package}.{name}")

    client = load("client").AuthenticatedClient(base_url=live_server.url, token=key)
    wanted = load("models").BookingRequest(
        reference="GEN-1",
        pickup_lat=make.HOME[0],
        pickup_lon=make.HOME[1],
        dropoff_lat=make.HOSPITAL[0],
        dropoff_lon=make.HOSPITAL[1],
        scheduled_time=make.at("09:00", BOOKED),
    )
    made = load("api.bookings.bookings_create").sync(client=client, body=wanted)
    assert (made.reference, made.scheduled_time) == ("GEN-1", make.at("09:00", BOOKED))
    retried = load("api.bookings.bookings_create").sync(client=client, body=wanted)
    assert retried.id == made.id  # 200, with the booking
    page = load("api.bookings.bookings_list").sync(client=client, limit=10)
    assert [(row.id, row.status) for row in page.results] == [(made.id, "pending")]
    feed = load("api.events.events_list").sync(client=client)
    assert [(event.kind, event.booking) for event in feed.results] == [("booking.created", made.id)]
    again = load("api.events.events_list").sync(client=client, after=feed.last)
    assert again.results == []
    refused = load("api.bookings.bookings_retrieve").sync_detailed(10**9, client=client)
    assert (refused.status_code, refused.parsed.status) == (404, 404)


@pytest.fixture(scope="module")
def description():
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))


def as_module(name):
    """Return the name that a generator gives the module of a schema or an operation."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def test_each_schema_has_a_name_of_its_own_that_no_generator_uses(description):
    names = list(description["components"]["schemas"])
    assert [name for name in names if not re.fullmatch(r"([A-Z][a-z0-9]*)+", name)] == []
    assert len({as_module(name) for name in names}) == len(names)
    assert set(names) & (OF_GENERATORS | OF_TYPESCRIPT) == set()


def test_each_operation_has_an_id_of_its_own_that_is_a_name_in_every_language(description):
    ids = [
        operation.get("operationId", f"{method} {path} has none")
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    ]
    assert [each for each in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)+", each)] == []
    assert sorted({*ids}) == sorted(ids)


def untyped(schema, at):
    """Yield where a schema, or one inside it, does not say what it is."""
    if not {"type", "$ref", "enum", "const", "oneOf", "anyOf", "allOf"} & schema.keys():
        yield at
    for name, inner in schema.get("properties", {}).items():
        yield from untyped(inner, f"{at}.{name}")
    if "items" in schema:
        yield from untyped(schema["items"], f"{at}[]")
    if isinstance(inner := schema.get("additionalProperties"), dict):
        yield from untyped(inner, f"{at}{{}}")
    for word in ("oneOf", "anyOf", "allOf"):
        for number, inner in enumerate(schema.get(word, ())):
            yield from untyped(inner, f"{at}.{word}.{number}")


# Values of any kind under names of any kind: what changed, what a run was told and measured, and
# the stored rows about one person.
OPEN = {
    "Export.client[]{}",
    "Export.drivers[]{}",
    "Export.erasures[]{}",
    "Export.events[]{}",
    "Export.messages[]{}",
    "Export.pauses[]{}",
    "Export.places[]{}",
    "Export.readings[]{}",
    "Export.recipients[]{}",
    "Export.standing_orders[]{}",
    "TripExport.assignments[]{}",
    "TripExport.booking{}",
    "TripExport.events[]{}",
    "Assignment.explanation{}",
    "Event.new{}",
    "Event.old{}",
    "Report.metrics{}",
    "Run.metrics{}",
    "Run.progress{}",
    "Run.settings{}",
}


def test_no_other_schema_leaves_its_type_open(description):
    schemas = description["components"]["schemas"]
    found = [at for name, schema in schemas.items() for at in untyped(schema, name)]
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            shown = [
                media["schema"] for body in bodies for media in body.get("content", {}).values()
            ]
            shown += [parameter["schema"] for parameter in operation.get("parameters", ())]
            found += [at for schema in shown for at in untyped(schema, f"{method} {path}")]
    assert set(found) == OPEN
    assert [*untyped({"type": "array", "items": {"properties": {"a": {}}}}, "x")] == [
        "x[]",
        "x[].a",
    ]
