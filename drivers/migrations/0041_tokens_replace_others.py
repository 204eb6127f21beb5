import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Say which token a rotated one replaces."""

    dependencies = [("drivers", "0040_windows_of_customers")]

    operations = [
        migrations.AddField(
            "apitoken",
            "replaces",
            models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="drivers.apitoken",
                verbose_name="replaces",
            ),
        ),
    ]
