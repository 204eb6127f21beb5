from django.db import migrations

import drivers.db.constraints

CONSTRAINT = drivers.db.constraints.NoOverlap(
    end="end_at", name="shift_no_overlap", owner="driver", start="start_at"
)


class Migration(migrations.Migration):
    """Make the constraint anew: what it is in PostgreSQL has changed, its meaning has not."""

    dependencies = [("drivers", "0006_keep_answers_for_their_key")]

    operations = [
        migrations.RemoveConstraint(model_name="shift", name=CONSTRAINT.name),
        migrations.AddConstraint(model_name="shift", constraint=CONSTRAINT),
    ]
