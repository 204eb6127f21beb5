"""Hold an answer of the API against the committed description of it."""

import re
from functools import cache
from pathlib import Path

import jsonschema
import yaml
from django.conf import settings

from drivers.rest.schema import error_codes, problems

SCHEMA = Path(settings.BASE_DIR) / "dispatchsite" / "openapi.yaml"
# Headers that an answer has exactly where they are described; the others it may have there.
EXACT = ("ETag", "Location", "WWW-Authenticate")
MAY = ("Idempotent-Replayed", "Retry-After")


@cache
def description():
    return yaml.load(SCHEMA.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


@cache
def paths():
    """Return (pattern of an address, its operations); those without an id first."""
    found = []
    for path, operations in description()["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[0-9]{1,18}", re.escape(path))
        found.append((re.compile(pattern), operations))
    return sorted(found, key=lambda row: "[0-9]" in row[0].pattern)


@cache
def validator(ref):
    return jsonschema.Draft202012Validator({"$ref": ref, **_components()})


@cache
def _components():
    return {"components": description()["components"]}


def operation_of(method, path):
    for pattern, operations in paths():
        if pattern.fullmatch(path):
            return operations.get(method.lower())
    return None


def disagreements(method, path, query, response):
    """Return what of an answer the description does not say: status, headers, media type, body."""
    operation = operation_of(method, path)
    if operation is None:  # no such resource or method
        return []
    status = str(response.status_code)
    described = operation["responses"].get(status)
    if described is None:
        return [f"status {status} is not described"]
    found = []
    headers = described.get("headers", {})
    for name in EXACT:
        if (name in response) != (name in headers):
            found.append(f"{status}: header {name}, described: {name in headers}")
    for name in MAY:
        if name in response and name not in headers:
            found.append(f"{status}: header {name} is not described")
    content = described.get("content", {})
    if not content or not response.content:
        if bool(content) != bool(response.content):
            found.append(f"{status}: a body, described: {bool(content)}")
        return found
    media = response["Content-Type"].partition(";")[0]
    if media not in content:
        return [*found, f"{status}: {media} is not described"]
    if "fields=" not in query:  # absent fields are described with the parameter
        schema = content[media]["schema"]
        check = jsonschema.Draft202012Validator({**schema, **_components()})
        body = response.json()
        found += [f"{status} {e.json_path}: {e.message}"[:500] for e in check.iter_errors(body)]
    if response.status_code >= 400:
        name = response.json()["type"].rpartition(":")[2]
        if name not in problems():
            found.append(f"the problem {name} is not described")
        codes = {error["code"] for error in response.json().get("errors", ())}
        found += [f"the code {code} is not described" for code in codes - error_codes().keys()]
    return found
