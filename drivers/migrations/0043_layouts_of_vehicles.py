import drivers.models.layouts
from django.db import migrations, models


class Migration(migrations.Migration):
    """Let the places of a vehicle fold: what it has now is its usual layout, the only one."""

    dependencies = [
        ('drivers', '0042_keep_the_log_for_months'),
    ]

    operations = [
        migrations.AddField(
            model_name='vehicle',
            name='other_layouts',
            field=models.CharField(blank=True, db_default='', default='', help_text='Where seats fold: seats + wheelchair places of each other layout, such as 2+1, 0+2. Whoever is on board at a time fits one layout.', max_length=60, validators=[drivers.models.layouts.validate_layouts], verbose_name='other layouts'),
        ),
    ]
