"""Write cells that a spreadsheet does not run as formulas, and read them back."""

from collections.abc import Iterable
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cells(values: Iterable[Any]) -> list[Any]:
    """Return the values for `csv.writer`; a text that would be a formula gets a leading '.

    Only texts are changed: negative numbers stay numbers.
    (OWASP, "CSV Injection".)
    """
    return [
        f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
        for value in values
    ]


def plain_cell(text: str) -> str:
    """Return the text that `safe_cells` was given, without the leading '."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text
