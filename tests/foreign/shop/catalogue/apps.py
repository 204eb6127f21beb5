from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "shop.catalogue"
    default_auto_field = "django.db.models.AutoField"
