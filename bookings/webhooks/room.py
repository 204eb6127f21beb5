"""How many webhooks a customer may have, so that its addresses leave room for others."""

from django.utils.translation import gettext as _

from bookings.models import Webhook
from drivers.models import Customer
from drivers.refused import Refused

MOST_OF_CUSTOMER = 10


class TooManyWebhooks(Refused):
    """The customer has as many webhooks as it may have."""

    code = "too_many_webhooks"
    status = 409


def check_room(customer: Customer) -> None:
    """Refuse one more webhook of a customer that has ten: 2 statements, in a transaction.

    Raises TooManyWebhooks.
    """
    # Locked: two at once would both be the tenth.
    Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    if Webhook.objects.filter(customer=customer).count() >= MOST_OF_CUSTOMER:
        raise TooManyWebhooks(
            _("A customer has at most %(count)d webhooks: change or delete one of them.")
            % {"count": MOST_OF_CUSTOMER}
        )
