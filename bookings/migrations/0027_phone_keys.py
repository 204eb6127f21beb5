from django.db import migrations
from django.db.models import Q

import bookings.models.clients
import drivers.db.indexes
from drivers.db.bulk import update_rows
from drivers.phones import phone_key

BATCH = 5_000


def fill(apps, schema_editor):
    """Write what the telephone numbers have in common: 2 statements for 5,000 clients."""
    Client = apps.get_model("bookings", "Client")
    using = schema_editor.connection.alias
    rows, last = Client.objects.using(using).exclude(phone="").order_by("pk"), 0
    columns = ("pk", "phone", "company__timezone")
    while batch := list(rows.filter(pk__gt=last).values_list(*columns)[:BATCH]):
        keys = [(pk, phone_key(phone, timezone)) for pk, phone, timezone in batch]
        update_rows(Client, ["phone_key"], keys, using=using)
        last = batch[-1][0]


class Migration(migrations.Migration):
    """Keep what the spellings of a client's telephone number have in common."""

    dependencies = [("bookings", "0026_one_customer_for_a_row")]

    operations = [
        migrations.AddField(
            model_name="client",
            name="phone_key",
            field=bookings.models.clients.PhoneKeyField(),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="client",
            index=drivers.db.indexes.Index(
                condition=~Q(phone_key=""),
                fields=["customer", "phone_key"],
                name="idx_client_customer_phone",
            ),
        ),
    ]
