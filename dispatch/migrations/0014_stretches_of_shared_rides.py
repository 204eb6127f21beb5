from django.db import migrations, models
from django.db.migrations.exceptions import IrreversibleError

import drivers.db.constraints

EACH_ALONE = drivers.db.constraints.NoOverlap(
    end="planned_dropoff_at",
    name="assignment_no_double_booking",
    only="is_open",
    owner="driver",
    start="planned_pickup_at",
    violation_error_message="The driver has another trip at this time.",
)
BY_STRETCH = drivers.db.constraints.NoOverlap(
    end="planned_dropoff_at",
    name="assignment_no_double_booking",
    only="is_open",
    owner="driver",
    start="planned_pickup_at",
    together="stretch",
    violation_error_message="The driver has another trip at this time.",
)


def exchange(schema_editor, model, before, after):
    """Write one constraint in the place of another; on SQLite without a copy of the table."""
    schema_editor.execute(before.remove_sql(model, schema_editor))
    schema_editor.execute(after.create_sql(model, schema_editor))


def guard_stretches(apps, schema_editor):
    exchange(schema_editor, apps.get_model("dispatch", "assignment"), EACH_ALONE, BY_STRETCH)


def guard_trips(apps, schema_editor):
    model = apps.get_model("dispatch", "assignment")
    shared = model.objects.using(schema_editor.connection.alias).filter(
        is_open=True, stretch__isnull=False
    )
    if shared.exists():
        raise IrreversibleError(
            "Open trips share a vehicle, which the constraint before this one refuses: release them "
            "or plan them again without sharing, then migrate."
        )
    exchange(schema_editor, model, BY_STRETCH, EACH_ALONE)


class Migration(migrations.Migration):
    """Exclude two trips of a driver that overlap, unless they are of one stretch.

    Trips of today have no number: each is a stretch of its own.
    """

    dependencies = [("dispatch", "0013_taps_on_phones")]

    operations = [
        migrations.AddField(
            model_name="assignment",
            name="stretch",
            field=models.BigIntegerField(editable=False, null=True, verbose_name="shared stretch"),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(guard_stretches, guard_trips)],
            state_operations=[
                migrations.RemoveConstraint(model_name="assignment", name=BY_STRETCH.name),
                migrations.AddConstraint(model_name="assignment", constraint=BY_STRETCH),
            ],
        ),
    ]
