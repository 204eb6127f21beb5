"""Tables of bookings, clients, the event log, imported files,
messages and webhooks.

Times are stored in UTC. Positions are degrees, WGS 84.
"""

from bookings.models.addresses import (
    Address,
    AddressWord,
    Street,
    WordInStreet,
    WordSpelling,
)
from bookings.models.booking import (
    CORRECTIONS,
    DRIVEN_STATUSES,
    OPEN_STATUSES,
    SETTLED_STATUSES,
    TRANSITIONS,
    WAITING_STATUSES,
    Booking,
    Status,
)
from bookings.models.client_keys import ClientKey
from bookings.models.clients import RIDE_AT_MOST, Client, DriverPreference, SavedPlace
from bookings.models.erasures import Erasure
from bookings.models.event import Event
from bookings.models.import_file import ImportFile
from bookings.models.message_texts import MessageText
from bookings.models.messages import Channel, Message, MessageKind, MessagePolicy, Recipient
from bookings.models.places import CompanyPlace
from bookings.models.readings import Reading
from bookings.models.series import Pause, Series
from bookings.models.ward_pages import WardPage
from bookings.models.webhooks import Delivery, Webhook
from drivers.companies.actors import Actor, Door

__all__ = [
    "Actor",
    "Address",
    "AddressWord",
    "Booking",
    "CORRECTIONS",
    "Channel",
    "Client",
    "ClientKey",
    "CompanyPlace",
    "DRIVEN_STATUSES",
    "Delivery",
    "Door",
    "DriverPreference",
    "Erasure",
    "Event",
    "ImportFile",
    "Message",
    "MessageKind",
    "MessagePolicy",
    "MessageText",
    "OPEN_STATUSES",
    "Pause",
    "RIDE_AT_MOST",
    "Reading",
    "Recipient",
    "SETTLED_STATUSES",
    "SavedPlace",
    "Series",
    "Status",
    "Street",
    "TRANSITIONS",
    "WAITING_STATUSES",
    "WardPage",
    "Webhook",
    "WordInStreet",
    "WordSpelling",
]
