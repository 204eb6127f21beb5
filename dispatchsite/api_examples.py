"""Add the examples of `api_examples.yaml` to the OpenAPI schema."""

from pathlib import Path

import yaml

FILE = Path(__file__).with_name("api_examples.yaml")


def add_examples(result, **kwargs):
    """Add examples to the components of the schema; a hook of drf-spectacular."""
    written = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    schemas = result["components"]["schemas"]
    for name, schema in schemas.items():
        example = _example(name, schema.get("properties", {}), written)
        if example is not None:
            schema["examples"] = [example]
    for name, schema in schemas.items():
        if name.startswith("Paginated"):
            row = schemas[name.removeprefix("Paginated").removesuffix("List")]
            if "examples" in row:
                schema["examples"] = [{"next": None, "results": row["examples"]}]
    return result


def _example(name, properties, written):
    if name in written:
        return written[name]
    if name in ONE_OF:
        return {**ONE_OF[name][1], "results": [written[ONE_OF[name][0]]]}
    whole = written.get(LIKE.get(name) or name.removeprefix("Patched").removesuffix("Request"))
    if whole is None:
        return None
    wanted = [field for field in properties if field in whole]
    if name.startswith("Patched"):
        wanted = wanted[-1:]
    return {field: whole[field] for field in wanted}


LIKE = {
    "Booking": "Trip",
    "ExpandableTrip": "Trip",
    "BookingRequest": "Trip",
    "PatchedBookingRequest": "Trip",
    "Token": "IssuedToken",
    "Invitation": "SentInvitation",
    "Webhook": "WebhookSecret",
    "WebhookRequest": "WebhookSecret",
    "PatchedWebhookRequest": "WebhookSecret",
}
ONE_OF: dict[str, tuple[str, dict[str, object]]] = {
    "FoundPlaces": ("FoundPlace", {}),
    "Feed": ("Event", {"last": 1024}),
    "Places": ("Place", {"why": None, "driving": "roads"}),
}
