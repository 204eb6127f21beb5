"""Database tools for all apps: bulk writes, lookups, constraints, indexes."""
