"""Pages of runs and assignments, and of what depends on them; Django imports this package alone."""

from dispatch.admin import runs

__all__ = ["runs"]
