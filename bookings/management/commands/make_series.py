from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.models import Actor, Door
from bookings.series.make import make_ahead
from drivers.models import Company


class Command(BaseCommand):
    help = "Book the trips of standing orders ahead; a timer runs it every day."

    def add_arguments(self, parser):
        parser.add_argument("--company", metavar="SLUG", help="Only this company (default: all).")
        parser.add_argument(
            "--days", type=int, metavar="N",
            help="Days ahead, 0 to 366 (default: what each company has set).",
        )  # fmt: skip

    def handle(self, *, company, days, **options):
        companies = Company.objects.order_by("id")
        if company:
            companies = companies.filter(slug=company)
            if not companies:
                raise CommandError(_("There is no company “%(slug)s”.") % {"slug": company})
        if days is not None and not 0 <= days <= 366:
            raise CommandError(_("--days must be from 0 to 366."))
        bookings = series = 0
        for one in companies:
            actor = Actor(Door.COMMAND, name="make_series")
            made = make_ahead(one, actor=actor, now=timezone.now(), days_ahead=days)
            bookings, series = bookings + made.bookings, series + made.series
        return _("%(bookings)d bookings made of %(series)d standing orders.") % {
            "bookings": bookings,
            "series": series,
        }
