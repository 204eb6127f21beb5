from django.db import migrations, models
from django.db.models import Q

import drivers.db.references

ONE = Q(customer__isnull=False, role="client_api") | (
    ~Q(role="client_api") & Q(customer__isnull=True)
)


class Migration(migrations.Migration):
    """Client systems have one customer of their company, other roles have none."""

    dependencies = [("drivers", "0024_give_client_systems_a_customer")]

    operations = [
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.CheckConstraint(
                condition=ONE, name="api_token_customer_of_client_system"
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=ONE, name="membership_customer_of_client_system"
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=drivers.db.references.SameOwner(
                fields=("customer", "company"),
                name="membership_customer_of_company",
                to_fields=("id", "company"),
            ),
        ),
    ]
