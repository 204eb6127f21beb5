"""The clients that were there before; in batches, each committed by itself."""

from django.db import migrations

from drivers.db.folding import fold_stored
from drivers.db.indexes import PostgresqlIndex, SqliteIndex


def fold_clients(apps, schema_editor):
    fold_stored(apps.get_model("bookings", "Client"), "name", using=schema_editor.connection.alias)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("bookings", "0012_fold_names")]

    operations = [
        migrations.RunPython(fold_clients, migrations.RunPython.noop),
        migrations.AddIndex(
            "client",
            PostgresqlIndex(fields=["company", "folded_name"], name="idx_client_company_folded"),
        ),
        migrations.AddIndex(
            "client",
            SqliteIndex(
                fields=["company", "folded_name", "phone", "address"],
                name="idx_client_company_searched",
            ),
        ),
    ]
