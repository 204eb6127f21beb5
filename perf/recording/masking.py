"""Show what kind of parameters a statement had, never a person's data.

Whole numbers (ids, limits), truth values and times are shown; texts, positions and lists only
by their kind and size.
"""

from datetime import date, datetime, time

SHOWN = 12


def masked(params):
    """Return one line for the parameters of a statement."""
    if params is None:
        return ""
    if isinstance(params, dict):
        shown = [f"{name}={_masked(value)}" for name, value in list(params.items())[:SHOWN]]
    else:
        shown = [_masked(value) for value in params[:SHOWN]]
    if len(params) > SHOWN:
        shown.append(f"… {len(params)}")
    return ", ".join(shown)


def _masked(value):
    if value is None or isinstance(value, bool | int | date | datetime | time):
        return str(value)
    if isinstance(value, list | tuple):
        kinds = "/".join(sorted({type(part).__name__ for part in value}))
        return f"[{len(value)} × {kinds}]"
    if isinstance(value, str):
        try:
            return str(datetime.fromisoformat(value))
        except ValueError:
            return f"text({len(value)})"
    return type(value).__name__
