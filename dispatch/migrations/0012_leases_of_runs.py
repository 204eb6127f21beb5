from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0011_keep_to_the_years")]

    operations = [
        migrations.RenameField("dispatchrun", "process", "lease"),
        migrations.AlterField(
            "dispatchrun",
            "lease",
            models.CharField(blank=True, editable=False, max_length=120),
        ),
        migrations.AddField(
            "dispatchrun",
            "language",
            models.CharField(blank=True, db_default="", default="", editable=False, max_length=10),
        ),
        migrations.AddField(
            "dispatchrun",
            "attempts",
            models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
