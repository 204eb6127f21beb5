import django.core.validators
from django.db import migrations, models

import drivers.db.references

OUTBOUND = "Minutes, 0 to 720. An outbound client may be picked up this long "
EMPTY = "Empty: as the company says."


def minutes(name, help_text):
    return models.PositiveSmallIntegerField(
        blank=True,
        help_text=help_text,
        null=True,
        validators=[django.core.validators.MaxValueValidator(720)],
        verbose_name=f"{name} (minutes)",
    )


def at_most(name):
    return models.Q((f"{name}__isnull", True), (f"{name}__lte", 720), _connector="OR")


class Migration(migrations.Migration):
    """Let a customer have its own pickup window."""

    dependencies = [("drivers", "0039_note_changes_of_the_roster")]

    operations = [
        # SQLite makes the table anew, which no trigger may name meanwhile.
        migrations.RemoveConstraint("company", "company_has_default_customer"),
        migrations.AddField(
            "customer",
            "pickup_early_min",
            minutes("early pickup", f"{OUTBOUND}before the requested time. {EMPTY}"),
        ),
        migrations.AddField(
            "customer",
            "pickup_late_min",
            minutes("late pickup", f"{OUTBOUND}after the requested time. {EMPTY}"),
        ),
        migrations.AddField(
            "customer",
            "return_late_min",
            minutes(
                "late return",
                "Minutes, 0 to 720. A client going home may wait this long and is never picked up "
                f"early. {EMPTY}",
            ),
        ),
        migrations.AddConstraint(
            "customer",
            models.CheckConstraint(
                condition=at_most("pickup_early_min")
                & at_most("pickup_late_min")
                & at_most("return_late_min"),
                name="customer_windows_sensible",
            ),
        ),
        migrations.AddConstraint(
            "company",
            drivers.db.references.HasDefaultCustomer(name="company_has_default_customer"),
        ),
    ]
