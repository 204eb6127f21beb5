"""The use-cases of one trip, such as assign, swap, release, cancel and report progress."""
