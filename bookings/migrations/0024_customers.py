import django.db.models.deletion
from django.db import migrations, models


def customer(**options):
    return models.ForeignKey(to="drivers.customer", verbose_name="customer", **options)


class Migration(migrations.Migration):
    """Let clients, bookings, events and webhooks name their customer."""

    dependencies = [
        ("bookings", "0023_trips_for_another_person"),
        ("drivers", "0025_one_customer_for_a_client_system"),
    ]

    operations = [
        *(
            migrations.AddField(
                model_name=name,
                name="customer",
                field=customer(
                    db_index=False,
                    null=True,
                    on_delete=django.db.models.deletion.PROTECT,
                    related_name="+",
                ),
            )
            for name in ("booking", "client")
        ),
        migrations.AddField(
            model_name="event",
            name="customer",
            field=customer(
                blank=True,
                db_constraint=False,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
            ),
        ),
        migrations.AddField(
            model_name="webhook",
            name="customer",
            field=customer(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="webhooks",
            ),
        ),
        migrations.AddField(
            model_name="importfile",
            name="customer",
            field=customer(
                db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE
            ),
        ),
        migrations.AddField(
            model_name="client",
            name="external_id",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="How the customer calls this person, such as a patient number. It tells "
                "two people of one name apart.",
                max_length=64,
                verbose_name="customer's own id",
            ),
        ),
    ]
