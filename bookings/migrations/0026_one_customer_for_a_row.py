import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import drivers.db.indexes
import drivers.db.references

# Backwards: what customers may share was unique in a company. The first keeps it as it is.
REPEATED = [
    f"UPDATE {table} SET {column} = substr({column}, 1, {kept}) || ' #' || id WHERE id IN ("
    f"SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY {same} ORDER BY id) AS number "
    f"FROM {table} WHERE {column} <> '') AS numbered WHERE number > 1)"
    for table, column, kept, same in (
        ("bookings_booking", "reference", 44, "company_id, reference"),
        ("bookings_client", "name", 80, "company_id, name, phone"),
    )
]


def number_repeated(apps, schema_editor):
    for statement in REPEATED:
        schema_editor.execute(statement)


def required():
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="drivers.customer",
        verbose_name="customer",
    )


def of_company(name):
    return drivers.db.references.SameOwner(
        fields=("customer", "company"), name=name, to_fields=("id", "company")
    )


class Migration(migrations.Migration):
    """Every client and booking has a customer; references and names are unique for it."""

    dependencies = [("bookings", "0025_give_rows_their_customer")]

    operations = [
        migrations.RemoveConstraint(model_name="booking", name="booking_reference_unique"),
        migrations.RemoveConstraint(model_name="client", name="client_once"),
        migrations.RunPython(migrations.RunPython.noop, number_repeated),
        migrations.AlterField(model_name="client", name="customer", field=required()),
        migrations.AlterField(model_name="booking", name="customer", field=required()),
        *(
            migrations.AddConstraint("client", constraint)
            for constraint in (
                models.UniqueConstraint(
                    condition=Q(external_id=""),
                    fields=("customer", "name", "phone"),
                    name="client_once",
                ),
                models.UniqueConstraint(
                    condition=~Q(external_id=""),
                    fields=("customer", "external_id"),
                    name="client_external_id_once",
                ),
                models.UniqueConstraint(fields=("id", "customer"), name="client_of_customer"),
                of_company("client_customer_of_company"),
            )
        ),
        *(
            migrations.AddConstraint("booking", constraint)
            for constraint in (
                models.UniqueConstraint(
                    condition=~Q(reference=""),
                    fields=("customer", "reference"),
                    name="booking_reference_unique",
                ),
                of_company("booking_customer_of_company"),
                drivers.db.references.SameOwner(
                    fields=("client", "customer"),
                    name="booking_client_of_customer",
                    to_fields=("id", "customer"),
                ),
            )
        ),
        migrations.AddConstraint("webhook", of_company("webhook_customer_of_company")),
        *(
            migrations.AddIndex(model, drivers.db.indexes.Index(fields=fields, name=name))
            for model, fields, name in (
                ("booking", ["customer", "scheduled_time"], "idx_booking_customer_scheduled"),
                ("booking", ["customer", "updated_at"], "idx_booking_customer_updated"),
                ("client", ["customer", "folded_name"], "idx_client_customer_folded"),
                ("event", ["customer", "id"], "idx_event_customer"),
            )
        ),
    ]
