"""What stands around every view and only passes on: never the place of a statement."""

from functools import wraps


def passing(get_response):
    def middleware(request):
        return get_response(request)

    return middleware


class Passing:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)


def counted(view):
    @wraps(view)
    def wrapper(request, *args, **kwargs):
        return view(request, *args, **kwargs)

    return wrapper
