from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from perf.management.profiling import add_profiling, options_of, shown, user_named
from perf.profiling.targets import profile_url


class Command(BaseCommand):
    help = "Profiles one request through all middleware, and takes its writes back."

    def add_arguments(self, parser):
        parser.add_argument("path", metavar="PATH", help="Such as /admin/auth/user/?q=x.")
        parser.add_argument(
            "--user",
            metavar="NAME",
            help="Who is logged in: a user name, or with what the users of the project log in.",
        )
        parser.add_argument("--method", default="GET", type=str.upper, help="Default GET.")
        parser.add_argument(
            "--data", default="", metavar="TEXT", help="Body of the request; @FILE reads a file."
        )
        parser.add_argument(
            "--content-type", default="application/json", help="Default application/json."
        )
        parser.add_argument(
            "--header",
            action="append",
            default=[],
            metavar="“NAME: VALUE”",
            help="A header to send; may be given several times.",
        )
        parser.add_argument(
            "--token", metavar="KEY", help="Sends “Authorization: Bearer KEY”; @FILE reads a file."
        )
        add_profiling(parser)

    def handle(self, *, path, user, method, data, content_type, header, token, **options):
        headers = dict(map(_parted, header))
        if token:
            headers["Authorization"] = f"Bearer {_read(token).strip()}"
        profile = profile_url(
            path,
            now=timezone.now(),
            user=user_named(user),
            method=method,
            data=_read(data),
            content_type=content_type,
            headers=headers,
            **options_of(options),
        )
        return shown(self, profile, options)


def _parted(text):
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise CommandError(_("--header is “Name: value”, not “%(text)s”.") % {"text": text})
    return name.strip(), value.strip()


def _read(text):
    """Return the text, or that of the file it names."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(str(error)) from error
