"""Lines of the log: for people, or a JSON object each (LOG_FORMAT=json) for what collects them."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from drivers.log_context import facts

# What every record has; whatever else it has was given as `extra`.
USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
NOT_SHOWN = frozenset({"request", "server_time"})  # Django's: an object of the request
QUERY = re.compile(r"\?\S*")  # of an address


class WithoutQuery(logging.Filter):
    """Leaves of an address among a record's values its path.

    Its query may hold the name or the number of somebody who was looked for.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                QUERY.sub("", value) if isinstance(value, str) else value for value in record.args
            )
        return True


class Plain(logging.Formatter):
    """A line of text; of a request or a run, it ends with which."""

    def format(self, record: logging.LogRecord) -> str:
        known = " ".join(f"{name}={value}" for name, value in facts().items())
        line = super().format(record)
        return f"{line} [{known}]" if known else line


class Json(logging.Formatter):
    """One object in one line: time, level, logger, message, what is known, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        row: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **facts(),
            "process": record.process,
        }
        for name, value in vars(record).items():
            if name not in USUAL and name not in NOT_SHOWN:
                row.setdefault(name, value)
        if record.exc_info:
            row["traceback"] = self.formatException(record.exc_info)
        return json.dumps(row, default=str, ensure_ascii=False)
