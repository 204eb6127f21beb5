"""The commands of dispatch, one per module."""
