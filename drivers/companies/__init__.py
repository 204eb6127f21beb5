"""Companies and who may act for them: current company, roles, members, tokens."""
