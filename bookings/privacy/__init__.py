"""The data of the people who are driven: sealed in the log, exported, forgotten."""
