"""The texts that the page of a driver's phone shows by itself, in the language of the request.

`%s` stands for a value that the phone fills in.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS: dict[str, str | Promise] = {
    # What a button does, and what was tapped.
    "en_route": _("On my way"),
    "arrived": _("I am there"),
    "on_board": _("On board"),
    "done": _("Dropped off"),
    "no_show": _("No-show"),
    "no_show_ask": _("No-show…"),
    "confirm": _("Confirm"),
    "confirmed": _("Confirmed"),
    "confirm_all": _("Confirm all"),
    "decline": _("Decline"),
    "decline_ask": _("Decline…"),
    "break_begins": _("Begin break"),
    "break_ends": _("End break"),
    "shift_ends": _("End of shift"),
    "message": _("Message"),
    "take_back": _("Take back"),
    "call": _("Call"),
    "navigate": _("Navigate"),
    "ok": _("Understood"),
    "back": _("Back"),
    "send": _("Send"),
    # Stops.
    "pickup": _("Pick up"),
    "dropoff": _("Drop off"),
    "to": _("then to %s"),
    "today": _("Today"),
    "tomorrow": _("Tomorrow"),
    "earlier": _("Done"),
    "nothing_today": _("No trips today."),
    "all_done": _("All trips of today are done."),
    "nothing_tomorrow": _("No trips tomorrow yet."),
    "no_client": _("Client without a name"),
    "expected": _("expected at about %s"),
    "appointment": _("must be there at %s"),
    "passengers": _("%s passengers"),
    "wheelchairs": _("wheelchairs: %s"),
    "entrance": _("Entrance: %s"),
    "at_door": _("At the door: %s"),
    "shift": _("Shift %s"),
    "takes_over": _("You take %s over from a colleague."),
    "hands_over": _("You hand %s over to a colleague at the end."),
    "handover": _("Handover"),
    "break": _("Break %s"),
    "on_break": _("On break since %s"),
    "off_duty": _("Shift ended at %s"),
    # What has changed since the driver looked.
    "news": _("Changes"),
    "is_new": _("new"),
    "not_yours": _("no longer yours"),
    "was_at": _("was at %s"),
    "other_address": _("other address"),
    # The state of the connection.
    "all_sent": _("All sent"),
    "waiting": _("Waiting for network: %s"),
    "offline": _("No network. You can go on: everything is kept."),
    "trouble": _("The server does not answer. Everything is kept."),
    "loading": _("Loading your day…"),
    "not_recorded": _("Not recorded"),
    "seen_at": _("As of %s"),
    "gone": _("This phone is not connected any more. Ask the dispatcher for a new link."),
    "sent": _("Sent to the desk."),
    "position_on": _("Share my position while on duty"),
    "position_off": _("Stop sharing my position"),
    "position_denied": _("The phone does not allow this page to know the position."),
}
DECLINE_REASONS = (
    _("I am not free then"),
    _("I cannot be there in time"),
    _("The vehicle does not fit"),
    _("Another reason"),
)
