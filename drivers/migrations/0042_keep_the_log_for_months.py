import django.core.validators
from django.db import migrations, models

import drivers.models.values


class Migration(migrations.Migration):
    """Let a company say for how many months it keeps its log."""

    dependencies = [("drivers", "0041_tokens_replace_others")]

    operations = [
        migrations.AddField(
            "company",
            "keep_log_months",
            models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                help_text="Months, 13 to 240, or 0 for ever. The log of trips that were over for "
                "so long is deleted, with the assignments that came to nothing; trips, who drove "
                "them when, and reports stay. This cannot be undone.",
                validators=[
                    drivers.models.values.FromOrZero(13),
                    django.core.validators.MaxValueValidator(240),
                ],
                verbose_name="keep the log (months)",
            ),
        ),
        migrations.AddConstraint(
            "company",
            models.CheckConstraint(
                condition=models.Q(
                    ("keep_log_months", 0),
                    models.Q(("keep_log_months__gte", 13), ("keep_log_months__lte", 240)),
                    _connector="OR",
                ),
                name="company_keeps_log_sensibly",
            ),
        ),
    ]
