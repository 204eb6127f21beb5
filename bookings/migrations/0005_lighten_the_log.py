import django.db.models.deletion
from django.db import migrations, models

import drivers.db.constraints

CONSTRAINT = drivers.db.constraints.NumberedInCommitOrder(
    name="event_in_commit_order", owner="company"
)


class Migration(migrations.Migration):
    """Take the checks of foreign keys off the log, and make its trigger anew: it is faster."""

    dependencies = [
        ("bookings", "0004_keep_files_for_their_import"),
        ("drivers", "0006_keep_answers_for_their_key"),
    ]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="booking",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="bookings.booking",
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="company",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="drivers.company",
            ),
        ),
        migrations.RemoveConstraint(model_name="event", name=CONSTRAINT.name),
        migrations.AddConstraint(model_name="event", constraint=CONSTRAINT),
    ]
