from django.db import migrations

import drivers.db.constraints

CONSTRAINT = drivers.db.constraints.NoOverlap(
    end="planned_dropoff_at",
    name="assignment_no_double_booking",
    only="is_open",
    owner="driver",
    start="planned_pickup_at",
    violation_error_message="The driver has another trip at this time.",
)


class Migration(migrations.Migration):
    """Make the constraint anew: what it is in PostgreSQL has changed, its meaning has not."""

    dependencies = [("dispatch", "0005_note_arrivals")]

    operations = [
        migrations.RemoveConstraint(model_name="assignment", name=CONSTRAINT.name),
        migrations.AddConstraint(model_name="assignment", constraint=CONSTRAINT),
    ]
