"""Companies, their members and their fleet; the lowest app, which imports no other."""
