"""The commands of dispatch, and their shared arguments."""
