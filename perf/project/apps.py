from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "perf.project"
    label = "perf_project"
