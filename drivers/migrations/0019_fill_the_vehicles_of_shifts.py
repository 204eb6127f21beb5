from django.db import migrations
from django.db.models import F, OuterRef, Subquery

CHUNK = 500  # ids in a statement


def fill(apps, schema_editor):
    """Give every shift the vehicle of its driver, and no vehicle two shifts at once.

    Of shifts that overlap in one vehicle, the first keeps it, of several that begin together the
    oldest. The others keep driver and times, and name no vehicle until somebody decides; the list
    of shifts shows them.
    """
    Shift = apps.get_model("drivers", "Shift")
    rows = (
        Shift.objects.using(schema_editor.connection.alias)
        .exclude(driver__vehicle=None)
        .order_by("driver__vehicle_id", "start_at", "id")
        .values_list("id", "driver__vehicle_id", "start_at", "end_at")
    )
    without, held_by, held_until = [], None, None
    for shift_id, vehicle_id, start_at, end_at in rows.iterator():
        if vehicle_id == held_by and start_at < held_until:
            without.append(shift_id)
        else:
            held_by, held_until = vehicle_id, end_at
    shifts = Shift.objects.using(schema_editor.connection.alias)
    Driver = apps.get_model("drivers", "Driver")
    own = Driver.objects.filter(id=OuterRef("driver_id")).annotate(own=F("vehicle_id"))
    shifts.update(vehicle_id=Subquery(own.values("own")))
    for start in range(0, len(without), CHUNK):
        shifts.filter(id__in=without[start : start + CHUNK]).update(vehicle=None)


class Migration(migrations.Migration):
    """Fill what the migration before has added; backwards, it goes with the column."""

    dependencies = [("drivers", "0018_name_the_vehicle_of_a_shift")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
