"""Admin pages of companies and fleet; Django imports only this package."""

from drivers.admin import companies, customers, invitations

__all__ = ["companies", "customers", "invitations"]
