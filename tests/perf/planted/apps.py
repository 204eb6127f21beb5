from django.apps import AppConfig


class PlantedConfig(AppConfig):
    name = "tests.perf.planted"
    label = "planted"
    default_auto_field = "django.db.models.BigAutoField"
