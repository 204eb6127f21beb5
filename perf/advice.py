"""Say which index is missing: found in recorded plans, tried before it is advised."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Candidate:
    """An index that recorded statements could use.

    `columns` are in order, "-name" descends. `condition` is the SQL of a partial index, or "".
    `fingerprints` are the statements it is meant for. `reason` is for people.
    """

    table: str
    columns: tuple[str, ...]
    condition: str = ""
    reason: str = ""
    fingerprints: tuple[str, ...] = field(default=(), compare=False)
