"""What the days of a company were like: daily figures, kept true by the log, and reports."""
