"""Admin pages of companies and fleet; Django imports only this package."""

from drivers.admin import companies

__all__ = ["companies"]
