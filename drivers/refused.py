"""The base of every refusal of a use-case, with what each door needs in order to answer it.

The API answers it in `drivers/rest/errors.py`, pages and the board in `dispatchsite/refusals.py`,
commands in `dispatchsite/command_line.py`: a new one needs no entry anywhere.
"""

from collections.abc import Iterator, Mapping
from typing import Any


class Refused(Exception):
    """A use-case does not do what was asked; the message is a sentence for people.

    `code` is the last part of the problem's type, `status` that of HTTP, `field` the field of the
    request that is at fault, "" for none. The first line of a subclass's docstring is what the
    API's description says of the code. `error_codes` are those of its `errors` that have a meaning
    of their own, {code: meaning}.
    """

    code: str
    status: int
    field: str = ""
    error_codes: Mapping[str, str] = {}
    # Whether its members tell of other trips or drivers, which a client system may not know.
    tells_of_others = False

    def __init_subclass__(cls) -> None:
        status = getattr(cls, "status", 0)
        if not getattr(cls, "code", "") or not (400 <= status < 500 or status == 503):
            raise TypeError(f"{cls.__name__} needs a code and a status: 4xx, or 503 to try again.")

    def members(self) -> dict[str, Any]:
        """Return what a problem has besides its type, title, status and detail."""
        if not self.field:
            return {}
        return {"errors": [{"field": self.field, "code": self.code, "detail": str(self)}]}


def refusals(base: type[Refused] = Refused) -> Iterator[type[Refused]]:
    """Yield every class of refusals that has been imported."""
    for found in base.__subclasses__():
        yield found
        yield from refusals(found)
