from django.db import migrations

from drivers.db.constraints import AppendOnly

LOG = AppendOnly(name="event_append_only")
OWNERS = [
    f"UPDATE {table} SET customer_id = c.id FROM drivers_customer AS c "
    f"WHERE c.company_id = {table}.company_id AND c.is_default"
    for table in ("bookings_client", "bookings_booking")
]
OF_BOOKINGS = (
    "UPDATE bookings_event SET customer_id = b.customer_id FROM bookings_booking AS b "
    "WHERE b.id = bookings_event.booking_id"
)


def fill(apps, schema_editor):
    """Give every old row the default customer of its company: a statement for each table."""
    for statement in OWNERS:
        schema_editor.execute(statement)
    Event = apps.get_model("bookings", "Event")
    schema_editor.execute(LOG.remove_sql(Event, schema_editor))  # it refuses changes
    schema_editor.execute(OF_BOOKINGS)
    for statement in LOG._statements(Event, schema_editor):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Fill what the migration before has added; backwards, it goes with the columns."""

    dependencies = [("bookings", "0024_customers")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
