import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import Q

import drivers.db.constraints
import drivers.db.indexes
from bookings.models.seals import keys_of, unseal, unwrap
from drivers.db.bulk import update_rows

BEFORE = drivers.db.constraints.AppendOnly(name="event_append_only")
AFTER = drivers.db.constraints.SealedLog(
    name="event_append_only", sides=["old", "new"], emptied=["reason"]
)
CHUNK = 2_000


def replace(apps, schema_editor, gone, new):
    Event = apps.get_model("bookings", "Event")
    schema_editor.execute(gone.remove_sql(Event, schema_editor))
    for statement in new._statements(Event, schema_editor):
        schema_editor.execute(statement)


def allow_seals(apps, schema_editor):
    replace(apps, schema_editor, BEFORE, AFTER)


def open_seals(apps, schema_editor):
    """Write what was sealed in the clear again: the keys go with their table."""
    Event = apps.get_model("bookings", "Event")
    ClientKey = apps.get_model("bookings", "ClientKey")
    schema_editor.execute(AFTER.remove_sql(Event, schema_editor))
    sealed = Event.objects.filter(Q(old__has_key="sealed") | Q(new__has_key="sealed"))
    last = 0
    while rows := list(
        sealed.filter(id__gt=last).order_by("id").values_list("id", "old", "new")[:CHUNK]
    ):
        ids = keys_of(side for _id, *sides in rows for side in sides)
        keys = {
            pk: unwrap(wrapped)
            for pk, wrapped in ClientKey.objects.filter(pk__any_of=ids).values_list("pk", "wrapped")
        }
        opened = [(pk, unseal(old, keys), unseal(new, keys)) for pk, old, new in rows]
        update_rows(Event, ["old", "new"], opened)
        last = rows[-1][0]
    for statement in BEFORE._statements(Event, schema_editor):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Keep a key for each client, and let what the log says of the client be sealed with it.

    What the log has said before stays as it is until `seal_events` has run.
    """

    dependencies = [("bookings", "0036_thin_webhooks")]

    operations = [
        migrations.CreateModel(
            name="ClientKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("wrapped", models.CharField(max_length=120)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="keys",
                        to="bookings.client",
                        verbose_name="client",
                    ),
                ),
            ],
            options={
                "verbose_name": "client's key",
                "verbose_name_plural": "clients' keys",
                "indexes": [
                    drivers.db.indexes.Index(fields=["client", "id"], name="idx_client_key_client")
                ],
            },
        ),
        migrations.SeparateDatabaseAndState(
            # Django would build SQLite's table anew, with a million rows.
            database_operations=[migrations.RunPython(allow_seals, open_seals)],
            state_operations=[
                migrations.RemoveConstraint(model_name="event", name="event_append_only"),
                migrations.AddConstraint(model_name="event", constraint=AFTER),
            ],
        ),
    ]
