"""What schemathesis loads: ids that exist, and a check that no other company's row comes out.

Half of the ids in paths and bodies become ones of the own company, a quarter of the other's.
"""

import json
import os
from pathlib import Path

import schemathesis

WORLD = json.loads(Path(os.environ["FUZZ_WORLD"]).read_text(encoding="utf-8"))
FIELDS = {  # of bodies and queries
    "driver": "drivers",
    "vehicle": "vehicles",
    "client": "clients",
    "booking": "bookings",
    "return_of": "bookings",
    "run": "dispatch-runs",
    "member": "members",
}


def known(resource, number):
    """Return an id for a number: the same for the same."""
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 2**31:
        return number
    if resource == "tokens" or number % 4 < 2:
        pool = WORLD["own"][resource]
    elif number % 4 == 2:
        pool = WORLD["other"][resource]
    else:
        return number + 10**12
    return pool[number // 4 % len(pool)]


def resource_of(path):
    name = path.removeprefix("/api/v1/").split("/{")[0].strip("/")
    return "bookings" if name == "me/trips" else name


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    resource = resource_of(context.operation.path)
    if resource in WORLD["own"]:
        for name, value in (path_parameters or {}).items():
            if isinstance(value, str) and value.isdigit():
                path_parameters[name] = str(known(resource, int(value)))
            else:
                path_parameters[name] = known(resource, value)
    return path_parameters


def with_known_ids(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            value[name] = known(FIELDS[name], inner) if name in FIELDS else with_known_ids(inner)
    elif isinstance(value, list):
        return [with_known_ids(inner) for inner in value]
    return value


@schemathesis.hook
def map_body(context, body):
    return with_known_ids(body)


@schemathesis.hook
def map_query(context, query):
    return with_known_ids(query)


@schemathesis.check
def no_other_companys_data(ctx, response, case):
    """Fail where the mark of the other company's rows is in the answer."""
    told = response.content.decode("utf-8", "replace") + str(response.headers)
    if WORLD["mark"] in told:
        raise AssertionError(f"another company's data: {told[:1_000]}")
