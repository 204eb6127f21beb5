"""Write cells that a spreadsheet shows and does not run, and read them again."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cells(values):
    """Return the values for `csv.writer`: a text that would be a formula begins with ' instead.

    A text is what a person wrote; numbers stay numbers, negative ones too.
    (OWASP, "CSV Injection".)
    """
    return [
        f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
        for value in values
    ]


def plain_cell(text):
    """Return what `safe_cells` was given: what it put before a formula's sign goes."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text
