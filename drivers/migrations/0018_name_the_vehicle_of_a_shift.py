import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Let a shift, and a weekly one, name its vehicle."""

    dependencies = [("drivers", "0017_name_what_a_setting_gives")]

    operations = [
        migrations.AddField(
            model_name="shift",
            name="vehicle",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="shifts",
                to="drivers.vehicle",
                verbose_name="vehicle",
            ),
        ),
        migrations.AddField(
            model_name="shifttemplate",
            name="vehicle",
            field=models.ForeignKey(
                blank=True,
                help_text="Leave empty for the driver's vehicle.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="shift_templates",
                to="drivers.vehicle",
                verbose_name="vehicle",
            ),
        ),
    ]
