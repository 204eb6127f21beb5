from django.db import migrations

import drivers.db.constraints

LOG = {"name": "event_append_only", "sides": ["old", "new"], "emptied": ["reason"]}
BEFORE = drivers.db.constraints.SealedLog(**LOG)
AFTER = drivers.db.constraints.SealedLog(**LOG, kept_days=365)


def replace(apps, schema_editor, gone, new):
    Event = apps.get_model("bookings", "Event")
    schema_editor.execute(gone.remove_sql(Event, schema_editor))
    for statement in new._statements(Event, schema_editor):
        schema_editor.execute(statement)


def let_go(apps, schema_editor):
    replace(apps, schema_editor, BEFORE, AFTER)


def keep(apps, schema_editor):
    replace(apps, schema_editor, AFTER, BEFORE)


class Migration(migrations.Migration):
    """Let events be deleted that are more than a year old."""

    dependencies = [("bookings", "0046_texts_of_customers")]

    operations = [
        migrations.SeparateDatabaseAndState(
            # Django would build SQLite's table anew, with a million rows.
            database_operations=[migrations.RunPython(let_go, keep)],
            state_operations=[
                migrations.RemoveConstraint(model_name="event", name="event_append_only"),
                migrations.AddConstraint(model_name="event", constraint=AFTER),
            ],
        ),
    ]
