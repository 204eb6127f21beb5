"""Walk the URL configuration."""

import re

from django.urls import URLResolver

TOOLS = ("silk", "djdt")


def routes(resolver, before="", *, without=TOOLS):
    """Yield (route, pattern) of every address, those of the apps `without` left out."""
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern).lstrip("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(pattern, URLResolver):
            if pattern.app_name not in without:
                yield from routes(pattern, route, without=without)
        elif "format" not in pattern.pattern.converters and "<format>" not in route:
            yield route, pattern


def route_name(route):
    """Return the route as the file of budgets has it: without the parameters' patterns."""
    return re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).replace("\\", "")
