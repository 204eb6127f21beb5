"""The page of one trip, for its client: no account, an address that nobody can guess."""
