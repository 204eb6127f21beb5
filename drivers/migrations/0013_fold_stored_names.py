"""The drivers that were there before; in batches, each committed by itself."""

from django.db import migrations

from drivers.db.folding import fold_stored


def fold_drivers(apps, schema_editor):
    fold_stored(apps.get_model("drivers", "Driver"), "name", using=schema_editor.connection.alias)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("drivers", "0012_fold_names")]

    operations = [migrations.RunPython(fold_drivers, migrations.RunPython.noop)]
