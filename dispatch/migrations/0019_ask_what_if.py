from django.db import migrations

# What comparisons of before did not count; unknown is told apart from none.
NEW = ("late", "late_min", "empty_percent")
# What becomes, on the way back, of a question that could not be asked before.
ENDS = {"compared": "discarded", "planning": "failed"}


def ask_what_if(apps, schema_editor):
    """Turn what shared rides would bring into what it is now: a question of one day."""
    for run in _runs(apps, "sharing"):
        limits = run.settings.pop("sharing")
        run.settings["what_if"] = {
            "until": run.day.isoformat(),
            "policy": {"shares_rides": True, **limits},
            "without": [],
            "more_like": [],
            "plates": {},
        }
        found = run.outcome.get("comparison")
        if found:
            unknown = dict.fromkeys(NEW)
            ways = {
                "stood": None,
                "again": found["alone"] | unknown,
                "changed": found["shared"] | unknown,
            }
            run.outcome["comparison"] = {
                "days": [{"day": run.day.isoformat(), **ways}],
                "whole": ways,
            }
        run.save(update_fields=["settings", "outcome"])


def compare_sharing(apps, schema_editor):
    """Keep what only asked about sharing one day, as before; what asked more is no comparison."""
    for run in _runs(apps, "what_if"):
        asked = run.settings.pop("what_if")
        limits = {
            name: value for name, value in asked["policy"].items() if name.startswith("ride_")
        }
        found = run.outcome.pop("comparison", None)
        if len(limits) == 4 and asked["until"] == run.day.isoformat():
            run.settings["sharing"] = limits
            if found:
                ways = {"alone": found["whole"]["again"], "shared": found["whole"]["changed"]}
                run.outcome["comparison"] = {
                    name: {key: value for key, value in way.items() if key not in NEW}
                    for name, way in ways.items()
                }
        elif run.status in ENDS:
            run.status = ENDS[run.status]
        run.save(update_fields=["settings", "outcome", "status"])


def _runs(apps, key):
    runs = apps.get_model("dispatch", "DispatchRun").objects
    return list(runs.filter(settings__has_key=key).order_by("id"))


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0018_expected_is_silent")]

    operations = [migrations.RunPython(ask_what_if, compare_sharing)]
