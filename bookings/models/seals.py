"""Seal what the log says of a client, and the keys with which that is done.

Each client has a key of its own, which seals the personal values of the client's events. It is
stored wrapped by a master key, made from the first of the settings' SEALING_KEYS; the others open
what was wrapped before, until `manage.py rewrap_keys` has wrapped everything anew. Where a client's
key is destroyed nobody can open the values any more, in no copy of the log.

A sealed side of an event (`old` or `new`) keeps its other values and has one more, `sealed`: the
`key` (an id), the `names` of the sealed values, and `data`, AES-GCM in base 64. `data` is empty
where the values themselves were removed.
"""

import json
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

SEALED = "sealed"
# What is shown in place of a value that nobody can open any more.
ERASED = "[erased]"
# The values of events that are about a person: who, where, in whose words, under whose number.
PERSONAL = frozenset(
    {
        "reference",
        "pickup_address",
        "pickup_lat",
        "pickup_lon",
        "dropoff_address",
        "dropoff_lat",
        "dropoff_lon",
        "notes",
        "cancel_reason",
        "name",
        "phone",
        "external_id",
        "address",
        "lat",
        "lon",
        "client_notes",
        "recipients",
    }
)
CODE = re.compile(r"[a-z_]+")  # of a cancellation without a note
NONCE = 12  # bytes
NAME = 8  # hexadecimal digits that name a master key

Values = dict[str, Any]


class UnknownMasterKey(Exception):
    """A client's key was wrapped by a master key that SEALING_KEYS does not have any more."""


def new_key() -> bytes:
    """Return a new key for a client: 32 bytes."""
    return AESGCM.generate_key(256)


def wrap(key: bytes) -> str:
    """Return the client's key as it is stored: the master key's name, a colon, base 64."""
    master = _masters()[0]
    return f"{_name(master)}:{_encrypt(master, key)}"


def unwrap(wrapped: str) -> bytes:
    """Return the client's key. Raises UnknownMasterKey."""
    name, _colon, data = wrapped.partition(":")
    for master in _masters():
        if _name(master) == name:
            return _decrypt(master, data)
    raise UnknownMasterKey(
        f"A client's key was wrapped by the master key {name}, which SEALING_KEYS does not have: "
        "keep the old secret behind the new one until manage.py rewrap_keys has run."
    )


def is_wrapped_anew(wrapped: str) -> bool:
    """Return whether the first master key wrapped it."""
    return wrapped.startswith(f"{_name(_masters()[0])}:")


def personal(values: Any) -> Values:
    """Return the values about a person: not empty ones, nor a reason that is only a code.

    None of what is not a mapping: it names no value.
    """
    if not isinstance(values, Mapping):
        return {}
    return {
        name: value
        for name, value in values.items()
        if name in PERSONAL
        and value not in ("", None)
        and not (name == "cancel_reason" and CODE.fullmatch(str(value)))
    }


def seal(values: Mapping[str, Any], key_id: int, key: bytes) -> Values:
    """Return one side of an event with its personal values sealed, unchanged if it has none."""
    hidden = personal(values)
    if not hidden:
        return dict(values)
    data = _encrypt(key, json.dumps(hidden, separators=(",", ":"), ensure_ascii=False).encode())
    rest = {name: value for name, value in values.items() if name not in hidden}
    return rest | {SEALED: {"key": key_id, "names": list(hidden), "data": data}}


def erase(values: Any) -> Any:
    """Return one side of an event without its personal values, sealed or not: only their names."""
    if not isinstance(values, Mapping):
        return values
    names = list(personal(values))
    names += values.get(SEALED, {}).get("names", [])
    rest = {k: v for k, v in values.items() if k not in names and k != SEALED}
    return rest | ({SEALED: {"key": None, "names": names, "data": ""}} if names else {})


def key_of(values: Any) -> int | None:
    """Return the id of the key that opens one side of an event, None if it is not sealed."""
    found = values.get(SEALED) if isinstance(values, dict) else None
    return found["key"] if isinstance(found, dict) else None


def unseal(values: Values, keys: Mapping[int, bytes]) -> Values:
    """Return one side of an event as it was told; ERASED for each value without its key."""
    found = values.get(SEALED)
    if not isinstance(found, dict):
        return values
    rest = {name: value for name, value in values.items() if name != SEALED}
    key = keys.get(found["key"]) if found["data"] else None
    if key is None:
        return rest | dict.fromkeys(found["names"], ERASED)
    try:
        return rest | json.loads(_decrypt(key, found["data"]))
    except InvalidTag:
        return rest | dict.fromkeys(found["names"], ERASED)


def keys_of(sides: Iterable[Any]) -> list[int]:
    """Return the ids of the keys that open these sides of events, in order."""
    return sorted({key for key in map(key_of, sides) if key is not None})


def _masters() -> list[bytes]:
    return [_master(secret) for secret in settings.SEALING_KEYS]


@cache
def _master(secret: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"dispatchsite.seals").derive(secret.encode())


@cache
def _name(master: bytes) -> str:
    return sha256(b"name of a key" + master).hexdigest()[:NAME]


def _encrypt(key: bytes, data: bytes) -> str:
    nonce = os.urandom(NONCE)
    return b64encode(nonce + AESGCM(key).encrypt(nonce, data, None)).decode()


def _decrypt(key: bytes, data: str) -> bytes:
    raw = b64decode(data)
    return AESGCM(key).decrypt(raw[:NONCE], raw[NONCE:], None)
