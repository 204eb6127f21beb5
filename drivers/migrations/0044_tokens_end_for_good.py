from datetime import timedelta

from django.db import migrations, models
from django.db.models import F, Q

YEAR = timedelta(days=366)


def let_them_be_renewed_for_a_year(apps, schema_editor):
    """Since each was issued: which of them a person has issued is not known."""
    tokens = apps.get_model("drivers", "ApiToken").objects.using(schema_editor.connection.alias)
    tokens.update(renewable_until=F("created_at") + YEAR)
    # None was issued for longer, but who knows what was written by hand.
    tokens.filter(renewable_until__lt=F("expires_at")).update(renewable_until=F("expires_at"))


class Migration(migrations.Migration):
    """Say until when a token may be replaced by others."""

    dependencies = [("drivers", "0043_layouts_of_vehicles")]

    operations = [
        migrations.AddField(
            "apitoken",
            "renewable_until",
            models.DateTimeField(
                help_text="What replaces it ends then at the latest, and a person issues a new one.",
                null=True,
                verbose_name="renewable until",
            ),
        ),
        migrations.RunPython(let_them_be_renewed_for_a_year, migrations.RunPython.noop),
        migrations.AddConstraint(
            "apitoken",
            models.CheckConstraint(
                condition=Q(expires_at__lte=F("renewable_until")),
                name="api_token_expires_while_renewable",
            ),
        ),
    ]
