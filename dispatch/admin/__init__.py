"""The admin pages of runs and assignments, and the pages that guard assigned trips."""

from dispatch.admin import runs

__all__ = ["runs"]
