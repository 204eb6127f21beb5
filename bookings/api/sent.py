"""What the webhooks send, in the API's description: OpenAPI 3.1, `webhooks`."""

SENT, THIN = "WebhookMessage", "ThinEvent"
HEADERS = {
    "webhook-id": (
        "The id of the message, the same however often it is sent.",
        {"type": "string", "examples": ["evt_7_48213"]},
    ),
    "webhook-timestamp": (
        "When it is sent: seconds since 1970.",
        {"type": "string", "pattern": "^[0-9]+$", "examples": ["1781690400"]},
    ),
    "webhook-signature": (
        "One or, while a secret is replaced, two signatures separated by a space: `v1,` and, in "
        "base 64, the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` with the bytes of "
        "the secret, which are in base 64 after `whsec_`.",
        {
            "type": "string",
            "pattern": "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$",
            "examples": ["v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="],
        },
    ),
}
ANSWERS = {
    "2XX": "Taken.",
    "410": "The address is gone: the webhook is switched off.",
    "default": "Not taken: sent again later, eight times in all.",
}


def describe_webhooks(result, **kwargs):
    """Add the message that is sent to the description; a hook of drf-spectacular."""
    reference = {"$ref": f"#/components/schemas/{SENT}"}
    result["components"]["schemas"][SENT] = {
        "type": "object",
        "description": "An event, as it is sent to the webhooks that want its kind.",
        "properties": {
            "type": {"$ref": "#/components/schemas/EventKind"},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {
                "oneOf": [
                    {"$ref": "#/components/schemas/Event"},
                    {"$ref": f"#/components/schemas/{THIN}"},
                ]
            },
        },
        "required": ["type", "timestamp", "data"],
    }
    whole = result["components"]["schemas"]["Event"]["properties"]
    result["components"]["schemas"][THIN] = {
        "type": "object",
        "description": "An event as a webhook with the payload `thin` gets it.",
        "properties": {name: whole[name] for name in ("id", "kind", "booking", "assignment")},
        "required": ["id", "kind", "booking", "assignment"],
        "additionalProperties": False,
    }
    result["webhooks"] = {
        "event": {
            "post": {
                "operationId": "webhook_event",
                "summary": "An event of the company",
                "description": "Sent at least once, signed as by standardwebhooks.com. "
                "Answer within 15 seconds.",
                "tags": ["webhooks"],
                "security": [],
                "parameters": [
                    {
                        "in": "header",
                        "name": name,
                        "required": True,
                        "description": description,
                        "schema": schema,
                    }
                    for name, (description, schema) in HEADERS.items()
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": reference}},
                },
                "responses": {code: {"description": says} for code, says in ANSWERS.items()},
            }
        }
    }
    return result
