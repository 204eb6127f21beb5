"""Plan a day: values in, values out. No Django, no query, no settings."""
