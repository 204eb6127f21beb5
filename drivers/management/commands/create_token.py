from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from drivers.companies.tokens import issue_token
from drivers.management.arguments import add_company, company_of, customer_of
from drivers.models import Membership, Role


class Command(BaseCommand):
    help = "Issue an API token to a member of a company and print it once."

    def add_arguments(self, parser):
        add_company(parser)
        parser.add_argument("--user", required=True, metavar="NAME", help="A member's user name.")
        parser.add_argument(
            "--role", choices=Role.values, help="Role of the token (default: the member's role)."
        )
        parser.add_argument(
            "--customer",
            metavar="NAME",
            help="Customer whose client system it is, with the role client_api (default: the "
            "member's, or the default one).",
        )
        parser.add_argument(
            "--name",
            default="command",
            help="Name of the token in the event log (default: command).",
        )
        parser.add_argument(
            "--days", type=int, default=90, metavar="N", help="Days until it expires (default: 90)."
        )

    def handle(self, *, company, user, role, name, days, customer, **options):
        company = company_of(company)
        members = Membership.objects.filter(company=company)
        membership = members.filter(user__username=user).first()
        if membership is None:
            known = members.order_by("id").values_list("user__username", flat=True)[:10]
            raise CommandError(
                _("%(company)s has no member “%(user)s”. Known: %(known)s.")
                % {"company": company, "user": user, "known": ", ".join(known) or _("none yet")}
            )
        if not 1 <= len(name) <= 100:
            raise CommandError(_("--name must have 1 to 100 characters."))
        if not 1 <= days <= 366:
            raise CommandError(_("--days must be a number from 1 to 366."))
        lifetime = timedelta(days=days)
        owner = customer_of(company, customer) if customer else None
        if owner is None and Role(role or membership.role) == Role.CLIENT_API:
            owner = membership.customer or company.default_customer
        _token, key = issue_token(
            membership, name=name, role=role, customer=owner, lifetime=lifetime, now=timezone.now()
        )
        return key
