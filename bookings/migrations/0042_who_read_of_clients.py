import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import drivers.db.constraints
import drivers.db.indexes


class Migration(migrations.Migration):
    """Keep who has read what is stored of a client."""

    dependencies = [
        ('bookings', '0041_log_clients'),
        ('drivers', '0037_empty_trips_without_a_client'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Reading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('client_id', models.BigIntegerField(verbose_name='client')),
                ('actor', models.CharField(blank=True, max_length=100, verbose_name='by')),
                ('door', models.CharField(choices=[('admin', 'admin'), ('api', 'API'), ('command', 'command line'), ('worker', 'background worker'), ('phone', "driver's phone")], max_length=20, verbose_name='channel')),
                ('what', models.CharField(choices=[('page', 'page'), ('export', 'everything stored'), ('api', 'API')], max_length=10, verbose_name='what')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='drivers.company', verbose_name='company')),
                ('user', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'reading',
                'verbose_name_plural': 'readings',
                'indexes': [drivers.db.indexes.Index(fields=['client_id', 'id'], name='idx_reading_client'), drivers.db.indexes.Index(fields=['at'], name='idx_reading_at')],
            },
        ),
        migrations.AddConstraint(
            model_name='reading',
            constraint=drivers.db.constraints.KeptLog(days=400, name='reading_append_only'),
        ),
    ]
