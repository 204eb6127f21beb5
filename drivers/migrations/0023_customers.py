import django.db.models.deletion
from django.db import migrations, models

import drivers.db.references


def make_default_ones(apps, schema_editor):
    """Give every company its default customer, called as the company: one statement."""
    schema_editor.execute(
        "INSERT INTO drivers_customer (company_id, name, is_default) "
        "SELECT id, name, %s FROM drivers_company",
        [True],
    )


class Migration(migrations.Migration):
    """Add customers; every company, old or new, has a default one."""

    dependencies = [("drivers", "0022_traffic_by_the_hour")]

    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("hospital", "hospital"),
                            ("home", "home"),
                            ("broker", "broker"),
                            ("private", "private"),
                            ("other", "other"),
                        ],
                        db_default="other",
                        default="other",
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                (
                    "is_default",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        editable=False,
                        help_text="Owns the clients and bookings that name no other customer.",
                        verbose_name="default",
                    ),
                ),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="customers",
                        to="drivers.company",
                        verbose_name="company",
                    ),
                ),
            ],
            options={
                "verbose_name": "customer",
                "verbose_name_plural": "customers",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("company", "name"), name="customer_name_unique"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("company",),
                        name="customer_one_is_default",
                    ),
                    models.UniqueConstraint(fields=("id", "company"), name="customer_of_company"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["hospital", "home", "broker", "private", "other"])
                        ),
                        name="customer_kind_known",
                    ),
                ],
            },
        ),
        migrations.RunPython(make_default_ones, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="company",
            constraint=drivers.db.references.HasDefaultCustomer(
                name="company_has_default_customer"
            ),
        ),
        migrations.AddField(
            model_name="membership",
            name="customer",
            field=models.ForeignKey(
                blank=True,
                help_text="Of a client system: the customer whose clients and bookings it has.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="memberships",
                to="drivers.customer",
                verbose_name="customer",
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="customer",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tokens",
                to="drivers.customer",
                verbose_name="customer",
            ),
        ),
    ]
