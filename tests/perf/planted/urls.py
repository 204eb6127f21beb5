"""A URL per view, named as it is."""

import inspect

from django.urls import path

from tests.perf.planted import admin, api, lending, views

urlpatterns = [
    *(
        path(f"{name}/", view)
        for module in (views, lending)
        for name, view in inspect.getmembers(module, inspect.isfunction)
        if next(iter(inspect.signature(view).parameters), "") == "request"
    ),
    *(
        path(f"api/{name}/", view.as_view())
        for name, view in inspect.getmembers(api, inspect.isclass)
        if issubclass(view, api.Api)
    ),
    *admin.pages(),
]
