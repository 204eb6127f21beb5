"""The admin pages of runs, assignments and events, and those that guard assigned trips."""

from dispatch.admin import assignments, events, messages, runs, traffic

__all__ = ["assignments", "events", "messages", "runs", "traffic"]
