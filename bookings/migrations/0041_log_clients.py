from django.db import migrations, models


class Migration(migrations.Migration):
    """Let the log tell of new, changed and merged clients."""

    dependencies = [
        ('bookings', '0040_messages'),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('booking.created', 'booking created'), ('booking.changed', 'booking changed'), ('booking.status', 'booking status changed'), ('booking.reopened', 'booked again'), ('booking.corrected', 'booking status taken back'), ('assignment.created', 'assigned'), ('assignment.changed', 'assignment changed'), ('assignment.moved', 'moved to another driver or time'), ('assignment.released', 'released'), ('trip.undone', 'undone'), ('driver.reported', 'report of a driver'), ('client.created', 'client created'), ('client.changed', 'client changed'), ('client.merged', 'clients merged'), ('client.forgotten', 'client forgotten'), ('webhook.disabled', 'webhook disabled')], max_length=40, verbose_name='kind'),
        ),
    ]
