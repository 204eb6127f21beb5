from django.db import migrations, models

import drivers.db.indexes
import drivers.db.noted


class Migration(migrations.Migration):
    """Note which periods of shifts and absences change, for who counts the hours of past days."""

    dependencies = [("drivers", "0038_on_time")]

    operations = [
        migrations.CreateModel(
            name="RosterChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("driver_id", models.BigIntegerField()),
                ("start_at", models.DateTimeField()),
                ("end_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    drivers.db.indexes.Index(fields=["driver_id"], name="idx_rosterchange_driver")
                ],
            },
        ),
        migrations.AddConstraint(
            "shift",
            drivers.db.noted.NotesPeriods(
                name="shift_changes_noted",
                into="drivers_rosterchange",
                fields=["driver", "start_at", "end_at"],
                besides=["break_min", "vehicle"],
            ),
        ),
        migrations.AddConstraint(
            "absence",
            drivers.db.noted.NotesPeriods(
                name="absence_changes_noted",
                into="drivers_rosterchange",
                fields=["driver", "start_at", "end_at"],
                besides=[],
            ),
        ),
    ]
