import django.core.validators
from django.db import migrations, models

import drivers.db.references

LATE = "long after the requested time is on time."
EARLY = "long before the requested time is on time."


def minutes(name, help_text, **options):
    return models.PositiveSmallIntegerField(
        help_text=help_text,
        validators=[django.core.validators.MaxValueValidator(720)],
        verbose_name=f"on time: {name} (minutes)",
        **options,
    )


class Migration(migrations.Migration):
    """Let companies and customers say what counts as on time in reports."""

    dependencies = [("drivers", "0037_empty_trips_without_a_client")]

    operations = [
        # SQLite makes the tables anew, which no trigger may name meanwhile.
        migrations.RemoveConstraint("company", "company_has_default_customer"),
        migrations.AddField(
            "company",
            "on_time_early_min",
            minutes(
                "early",
                "Minutes, 0 to 720. In reports, a trip whose vehicle is at the pickup at most "
                f"this {EARLY}",
                default=10,
                db_default=10,
            ),
        ),
        migrations.AddField(
            "company",
            "on_time_late_min",
            minutes(
                "late",
                "Minutes, 0 to 720. In reports, a trip whose vehicle is at the pickup at most "
                f"this {LATE}",
                default=15,
                db_default=15,
            ),
        ),
        migrations.AddConstraint(
            "company",
            models.CheckConstraint(
                condition=models.Q(
                    ("on_time_early_min__lte", 720), ("on_time_late_min__lte", 720)
                ),
                name="company_on_time_sensible",
            ),
        ),
        migrations.AddField(
            "customer",
            "on_time_early_min",
            minutes(
                "early",
                "Minutes, 0 to 720, before the requested time that still count as on time in "
                "reports. Empty: the company's.",
                null=True,
                blank=True,
            ),
        ),
        migrations.AddField(
            "customer",
            "on_time_late_min",
            minutes(
                "late",
                "Minutes, 0 to 720, after the requested time that still count as on time in "
                "reports. Empty: the company's.",
                null=True,
                blank=True,
            ),
        ),
        migrations.AddConstraint(
            "company",
            drivers.db.references.HasDefaultCustomer(name="company_has_default_customer"),
        ),
    ]
