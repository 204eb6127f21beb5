from django.db import migrations

OLD = (  # they saw all of the company, which is the default customer's now
    "UPDATE drivers_membership SET customer_id = (SELECT c.id FROM drivers_customer c "
    "WHERE c.company_id = drivers_membership.company_id AND c.is_default) "
    "WHERE role = 'client_api'",
    "UPDATE drivers_apitoken SET customer_id = (SELECT c.id FROM drivers_customer c "
    "JOIN drivers_membership m ON m.company_id = c.company_id "
    "WHERE m.id = drivers_apitoken.membership_id AND c.is_default) "
    "WHERE role = 'client_api'",
)


def fill(apps, schema_editor):
    for statement in OLD:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Let the client systems of old act for the default customer, who has the rows of old."""

    dependencies = [("drivers", "0023_customers")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
