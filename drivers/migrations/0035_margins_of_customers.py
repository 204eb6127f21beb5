import django.core.validators
from django.db import migrations, models

import drivers.db.references


class Migration(migrations.Migration):
    """Let a customer have its own margin before appointments."""

    dependencies = [("drivers", "0034_share_rides")]

    operations = [
        # SQLite makes the table anew, which no trigger may name meanwhile.
        migrations.RemoveConstraint("company", "company_has_default_customer"),
        migrations.AddField(
            "customer",
            "margin_min",
            models.PositiveSmallIntegerField(
                blank=True,
                help_text="Minutes, 0 to 120, instead of the company's; a place's own comes "
                "first. Empty: the company's.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(120)],
                verbose_name="margin before appointments (minutes)",
            ),
        ),
        migrations.AddConstraint(
            "customer",
            models.CheckConstraint(
                condition=models.Q(
                    ("margin_min__isnull", True), ("margin_min__lte", 120), _connector="OR"
                ),
                name="customer_margin_sensible",
            ),
        ),
        migrations.AddConstraint(
            "company",
            drivers.db.references.HasDefaultCustomer(name="company_has_default_customer"),
        ),
    ]
