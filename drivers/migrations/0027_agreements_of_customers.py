import django.core.validators
from django.db import migrations, models

import drivers.db.references

AHEAD = (
    "Minutes, 0 to 43200. How long before the pickup its client system may still book, and change "
    "or cancel; dispatchers always may."
)


def flag(name, help_text):
    return models.BooleanField(
        db_default=False, default=False, help_text=help_text, verbose_name=name
    )


class Migration(migrations.Migration):
    """Keep whom to ask at a customer, and what its client system must keep to."""

    dependencies = [("drivers", "0026_days_of_standing_orders")]

    operations = [
        # SQLite makes the table anew, which no trigger may name meanwhile.
        migrations.RemoveConstraint("company", "company_has_default_customer"),
        migrations.AddField(
            "customer",
            "contact",
            models.CharField(
                blank=True,
                db_default="",
                help_text="Whom to ask.",
                max_length=100,
                verbose_name="contact",
            ),
        ),
        migrations.AddField(
            "customer",
            "phone",
            models.CharField(blank=True, db_default="", max_length=40, verbose_name="phone"),
        ),
        migrations.AddField(
            "customer",
            "email",
            models.EmailField(
                blank=True, db_default="", max_length=254, verbose_name="email address"
            ),
        ),
        migrations.AddField(
            "customer",
            "notes",
            models.TextField(blank=True, db_default="", verbose_name="notes"),
        ),
        migrations.AddField(
            "customer",
            "book_ahead_min",
            models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text=AHEAD,
                validators=[django.core.validators.MaxValueValidator(43200)],
                verbose_name="book ahead (minutes)",
            ),
        ),
        migrations.AddField(
            "customer",
            "requires_client",
            flag("requires a client", "Its client system must name the client of every booking."),
        ),
        migrations.AddField(
            "customer",
            "requires_reference",
            flag("requires a reference", "Its client system must give every booking a reference."),
        ),
        migrations.AddField(
            "customer",
            "requires_appointment",
            flag(
                "requires an appointment",
                "Its client system must say when the client must arrive, except on the way back.",
            ),
        ),
        migrations.AddConstraint(
            "customer",
            models.CheckConstraint(
                condition=models.Q(("book_ahead_min__lte", 43200)), name="customer_ahead_sensible"
            ),
        ),
        migrations.AddConstraint(
            "company",
            drivers.db.references.HasDefaultCustomer(name="company_has_default_customer"),
        ),
    ]
