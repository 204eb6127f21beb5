"""Clients are found by parts of name, phone and address: the database folds them into one text."""

from django.db import migrations

from drivers.db.folding import FoldedField, KeepsFolded


class Migration(migrations.Migration):
    dependencies = [("bookings", "0015_keep_to_the_years")]

    operations = [
        migrations.AddField("client", "searched", FoldedField()),
        migrations.AddConstraint(
            "client",
            KeepsFolded(
                name="client_folds_searched",
                source=("name", "phone", "address"),
                folded="searched",
            ),
        ),
    ]
