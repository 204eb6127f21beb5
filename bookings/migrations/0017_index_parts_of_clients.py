"""The clients that were there before, in batches; then the indexes of what is searched."""

from django.db import migrations

from drivers.db.folding import fold_stored
from drivers.db.indexes import SqliteIndex
from drivers.db.parts import FindsParts, drop_parts

NAME = "idx_client_company_searched"


def fold_clients(apps, schema_editor):
    fold_stored(apps.get_model("bookings", "Client"), "name", using=schema_editor.connection.alias)


def drop_parts_of_clients(apps, schema_editor):
    drop_parts("client_parts", schema_editor)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("bookings", "0016_search_clients")]

    operations = [
        migrations.RunPython(fold_clients, migrations.RunPython.noop),
        migrations.RemoveIndex("client", NAME),
        migrations.AddIndex(
            "client", SqliteIndex(fields=["company", "folded_name", "searched"], name=NAME)
        ),
        migrations.RunPython(migrations.RunPython.noop, drop_parts_of_clients),
        migrations.AddConstraint("client", FindsParts(name="client_parts", field="searched")),
    ]
