from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from perf.management.profiling import add_profiling, options_of, shown
from perf.profiling.targets import profile_url


class Command(BaseCommand):
    help = "Profiles one request through all middleware, and takes its writes back."

    def add_arguments(self, parser):
        parser.add_argument("path", metavar="PATH", help="Such as /admin/bookings/booking/?q=x.")
        parser.add_argument("--user", metavar="NAME", help="User name of who is logged in.")
        parser.add_argument("--method", default="GET", type=str.upper, help="Default GET.")
        parser.add_argument("--data", default="", metavar="JSON", help="Body of the request.")
        add_profiling(parser)

    def handle(self, *, path, user, method, data, output, **options):
        found = None
        if user:
            found = get_user_model().objects.filter(username=user).first()
            if found is None:
                raise CommandError(_("There is no user “%(name)s”.") % {"name": user})
        profile = profile_url(
            path, now=timezone.now(), user=found, method=method, data=data, **options_of(options)
        )
        return shown(profile, output)
