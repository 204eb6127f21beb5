from django.db import migrations

import drivers.db.constraints
import drivers.db.indexes


class Migration(migrations.Migration):
    """Keep every vehicle in one shift at a time."""

    dependencies = [("drivers", "0019_fill_the_vehicles_of_shifts")]

    operations = [
        migrations.AddIndex(
            model_name="shift",
            index=drivers.db.indexes.Index(
                fields=["vehicle", "end_at"], name="idx_shift_vehicle_end"
            ),
        ),
        migrations.AddConstraint(
            model_name="shift",
            constraint=drivers.db.constraints.NoOverlap(
                end="end_at", name="shift_vehicle_no_overlap", owner="vehicle", start="start_at"
            ),
        ),
    ]
