from django.db import migrations, models

import drivers.db.references

ENDS = ("pickup", "dropoff")
# No door links a place of another company: a row that has one keeps its address alone.
UNLINK = [
    f"UPDATE bookings_booking SET {end}_place_id = NULL WHERE EXISTS (SELECT 1 FROM "
    f"bookings_companyplace AS p WHERE p.id = bookings_booking.{end}_place_id "
    "AND p.company_id <> bookings_booking.company_id)"
    for end in ENDS
]


def unlink(apps, schema_editor):
    for statement in UNLINK:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """The places of a booking belong to its company."""

    dependencies = [("bookings", "0031_computed_pickups")]

    operations = [
        migrations.RunPython(unlink, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="companyplace",
            constraint=models.UniqueConstraint(
                fields=("id", "company"), name="company_place_of_company"
            ),
        ),
        *(
            migrations.AddConstraint(
                model_name="booking",
                constraint=drivers.db.references.SameOwner(
                    fields=(f"{end}_place", "company"),
                    name=f"booking_{end}_place_of_company",
                    to_fields=("id", "company"),
                ),
            )
            for end in ENDS
        ),
    ]
