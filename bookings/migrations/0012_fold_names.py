"""Clients are found without case and accents: from now on the database folds their names."""

from django.db import migrations

from drivers.db.folding import FoldedField, KeepsFolded


class Migration(migrations.Migration):
    dependencies = [("bookings", "0011_plain_english")]

    operations = [
        migrations.AddField("client", "folded_name", FoldedField()),
        migrations.AddConstraint(
            "client",
            KeepsFolded(name="client_folds_name", source="name", folded="folded_name"),
        ),
    ]
