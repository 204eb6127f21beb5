"""Drivers are found without case and accents: from now on the database folds their names."""

from django.db import migrations

from drivers.db.folding import FoldedField, KeepsFolded


class Migration(migrations.Migration):
    dependencies = [("drivers", "0011_plain_english")]

    operations = [
        migrations.AddField("driver", "folded_name", FoldedField()),
        migrations.AddConstraint(
            "driver",
            KeepsFolded(name="driver_folds_name", source="name", folded="folded_name"),
        ),
    ]
