"""Reduce statements that differ only in their values to one text, on both databases."""

import re
from functools import lru_cache

TOKEN = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?\*/ )
  | (?P<name> "(?:[^"]|"")*" )
  | (?P<text> [EeXxBb]?'(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
  | (?P<bound> %s | %\(\w+\)s | \$\d+ | \? | (?<![:\w]):[A-Za-z_]\w* )
  # ORDER BY 2 DESC, GROUP BY 1: places of columns, no values
  | (?P<place> \b(?:ORDER|GROUP)\ BY\ \d+(?:,\ ?\d+)*(?![\w.]) | (?<=,\ )\d+(?=\ (?:ASC|DESC)\b) )
  | (?P<number> (?<![\w"$])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w) )
  | (?P<space> \s+ )
    """,
    re.VERBOSE | re.DOTALL,
)
VALUE = r"(?:\(?\?\)?(?:::[\w ]+(?:\[\])?)?|NULL|DEFAULT|TRUE|FALSE|true|false)"
LIST = rf"{VALUE}(?:, ?{VALUE})*"
COLLAPSE = (
    # IN (?, ?, ?), in any length
    (re.compile(rf"\bIN \({LIST}\)", re.IGNORECASE), "IN (?)"),
    (re.compile(rf"\bARRAY ?\[{LIST}\]", re.IGNORECASE), "ARRAY[?]"),
    # VALUES (?, ?), (?, ?): one insert, whatever its number of rows
    (re.compile(rf"\bVALUES (\({LIST}\))(?:, ?\({LIST}\))*", re.IGNORECASE), "VALUES (?)"),
    (re.compile(rf"\bSELECT {LIST}(?: UNION ALL SELECT {LIST})+", re.IGNORECASE), "SELECT (?)"),
    # CASE WHEN .. THEN .. WHEN .. THEN ..: bulk_update
    (re.compile(r"(WHEN (?:(?!WHEN |END\b|ELSE\b).)*?)(?: \1)+(?= ELSE| END)"), r"\1"),
    (
        re.compile(r'\b(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) ("[^"]*"|\w+)'),
        r"\1 ?",
    ),
)


def _reduced(match):
    kind = match.lastgroup
    if kind == "tag":
        kind = "text"
    if kind in ("name", "place"):
        return match[0]
    if kind in ("space", "comment"):
        return " "
    return "?"


@lru_cache(maxsize=4096)
def fingerprint(sql):
    """Return the statement with its values as `?`, its lists as one of them, and one-spaced.

    `Statement.sql` with placeholders and a log line with the values put in give the same text.
    """
    text = " ".join(TOKEN.sub(_reduced, sql).split()).rstrip("; ")
    for pattern, replacement in COLLAPSE:
        text = pattern.sub(replacement, text)
    return text
