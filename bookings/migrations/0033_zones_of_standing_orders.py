from django.db import migrations, models
from django.db.models import OuterRef, Subquery

import drivers.db.indexes


def fill(apps, schema_editor):
    """The booked dates of today's orders have the timezone that their company has."""
    company = apps.get_model("drivers", "Company").objects.filter(pk=OuterRef("company"))
    rows = apps.get_model("bookings", "Series").objects
    rows.update(booked_zone=Subquery(company.values("timezone")))


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0032_places_of_the_company"),
        ("drivers", "0031_boarding_of_persons"),
    ]

    operations = [
        migrations.AddField(
            model_name="series",
            name="booked_zone",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
        ),
        migrations.AddIndex(
            model_name="pause",
            index=drivers.db.indexes.Index(
                fields=["company", "last_day"], name="idx_pause_company_last_day"
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
