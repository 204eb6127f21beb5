import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    """Say that trips without a client are emptied after these months too."""

    dependencies = [
        ('drivers', '0036_forget_clients'),
    ]

    operations = [
        migrations.AlterField(
            model_name='company',
            name='forget_after_months',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='Months, 0 to 240. A client without trips for so long is forgotten, and trips as old without a client lose addresses, notes and references; 0 never. This cannot be undone: manage.py forget_expired --dry-run tells who it would be.', validators=[django.core.validators.MaxValueValidator(240)], verbose_name='forget clients (months)'),
        ),
    ]
