"""Name a trip as people do: when, and whom."""


def name_of(company, row) -> str:
    """Return "07:10 André Pereira"; without a client the reference, without that the number.

    `row` is a row of a booking with the name of its client.
    """
    who = row.client_name or row.reference or f"#{row.id}"
    return f"{company.clock(row.scheduled_time)} {who}"
