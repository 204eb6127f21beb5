"""The fleet's and the companies' pages; Django imports this package alone."""

from drivers.admin import companies

__all__ = ["companies"]
