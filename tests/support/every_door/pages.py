"""What is sent to each page outside the API that is no form of a model: the board, the import."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver

from bookings.merge import preview_merge
from bookings.models import Booking, ImportFile
from dispatch.messages.page_keys import key_of
from dispatch.models import Assignment
from drivers.companies.devices import make_link
from tests.support import builders as make
from tests.support.every_door.admin import Form
from tests.support.every_door.api import by_hand
from tests.support.every_door.columns import FAR_LAT, FAR_LON, TOMORROW, both
from tests.support.every_door.company import NOW, Busy, gone
from tests.support.every_door.suggested import suggested

MODEL_PAGE = re.compile(r"(\w+)_(\w+)_(changelist|add|change|delete|history)")
DAY = make.DAY.isoformat()
POLICY = {
    "pickup_early_min": "10", "pickup_late_min": "20", "return_late_min": "30",
    "appointment_margin_min": "5", "ride_factor": "", "ride_added_min": "15",
    "ride_longest_min": "", "ride_cost_percent": "10",
}  # fmt: skip


def pages(resolver: URLResolver) -> Iterator[tuple[str, str]]:
    """Yield (address, name) of each page outside the API that is no form of a registered model.

    Parameters are as in "admin/board/<company>/<day>/plan/".
    """

    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, path)
            else:
                yield path, pattern

    models = {(m._meta.app_label, m._meta.model_name) for m in admin.site._registry}
    for path, pattern in walk(resolver.url_patterns, ""):
        found = MODEL_PAGE.fullmatch(pattern.name or "")
        of_model = found and found.groups()[:2] in models
        redirected = pattern.name is None and "<path:object_id>" in path  # to the page of the row
        if not (path.startswith("api/") or of_model or redirected):
            found = re.sub(r"\^?\(\?P(<\w+>)[^)]*\)", r"\1", path).removesuffix("$")
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", found), pattern.name or ""


Send = tuple[dict[str, Any], Form]  # what stands in the address, and the form


def nothing(busy: Busy) -> list[Send]:
    return [({}, {})]


def values_of(busy: Busy) -> dict[str, Any]:
    """Return what stands for the parameters of an address."""
    return {
        "company": busy.company.slug,
        "day": DAY,
        "person": busy.client.pk,
        "booking": busy.bookings["ASSIGNED"].pk,
        "ids": busy.bookings["ASSIGNED"].pk,
        "run": busy.run.pk,
        "driver": busy.anna.pk,
        "import_file": 0,
        "app_label": "drivers",
        "content_type_id": 1,
        "object_id": 1,
        "id": busy.user.pk,
        "url": "nowhere",
        "key": "unknown",
        "place": busy.place.pk,
        "secret": "unknown",
    }


def _moved(busy: Busy) -> list[Send]:
    """Return where a place is said to be now, whatever that does to its trips."""
    far = {"address": "Quai 9", "lat": str(FAR_LAT), "lon": str(FAR_LON), "move": "1"}
    near = {**far, "lat": "46.2", "lon": "6.15"}
    trips = [str(row.pk) for row in Assignment.objects.filter(company=busy.company)]
    return [({}, near), ({}, far), ({}, {**far, "release": trips})]


def _assign(busy: Busy) -> list[Send]:
    at_3 = {"pickup_at": make.at("15:10").isoformat()}
    return [
        ({"booking": row.pk}, {"driver": driver.pk, "assignment": _seen(row), **more})
        for row in busy.bookings.values()
        for driver, more in (
            (busy.anna, {}),
            (busy.dan, {}),
            (busy.chloe, at_3),
            (busy.dan, {**at_3, "override": "One car is left."}),
            (busy.ben, {"lock": "keep"}),
        )
    ]


def _seen(booking: Booking) -> int:
    row = booking.assignments.filter(is_open=True).first()
    return row.pk if row else 0


def _swap(busy: Busy) -> list[Send]:
    one, *others = (busy.bookings[name] for name in ("ASSIGNED", "FULL", "BACK", "BY_RUN", "DONE"))
    return [
        (
            {"booking": one.pk},
            {"other": other.pk, "assignment": _seen(one), "other_assignment": _seen(other) or 1,
             "override": why},
        )
        for other in others
        for why in ("", "One car is left.")
    ]  # fmt: skip


def _edit(busy: Busy) -> list[Send]:
    found: list[Send] = []
    for row in busy.bookings.values():
        same = {"version": row.version, "clock": f"{row.scheduled_time:%H:%M}"}
        for change in (
            {"clock": "20:00"},
            {"clock": "11:00"},
            {"appointment": "09:01"},
            {"dropoff_address": "Far away"},
        ):
            found += [
                ({"booking": row.pk}, {**same, **change}),
                ({"booking": row.pk}, {**same, **change, "move": _seen(row) or ""}),
                ({"booking": row.pk}, {**same, **change, "release": _seen(row) or ""}),
            ]
    return found


def _new_time(busy: Busy) -> list[Send]:
    """Every driver at every time, and every kind of appointment with each of them once."""
    kinds = ("stays", "moves", "none")
    return [
        ({"booking": row.pk}, {"version": row.version, "driver": driver.pk, "appointment": kind,
                               "pickup_at": make.at(clock).isoformat()})
        for row in busy.bookings.values()
        for d, driver in enumerate((busy.anna, busy.dan, busy.chloe))
        for c, clock in enumerate(("11:00", "15:10", "20:00"))
        for kind in [kinds[(d + c) % 3]]
    ]  # fmt: skip


BUTTONS = (
    "accept", "ready", "cancel", "release", "lock", "unlock", "confirm", "arrive", "en_route",
    "on_board", "completed", "no_show", "back", "correct",
)  # fmt: skip


def _change(busy: Busy) -> list[Send]:
    return [
        (
            {"booking": row.pk},
            {"action": name, "version": row.version, "assignment": _seen(row), "note": "x"},
        )
        for name in BUTTONS
        for row in busy.bookings.values()
    ]


HEAD = (
    "reference,scheduled_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,passengers,wheelchairs,"
    "needs,client_name,client_phone,return_of"
)


def files(busy: Busy) -> list[bytes]:
    """Return files of the planned bookings, each with another change."""
    names = [name for name, row in busy.bookings.items() if row.status == "assigned"]
    found = []
    for change in (
        {"scheduled_time": f"{DAY}T20:00"},
        {"scheduled_time": f"{TOMORROW}T11:00"},
        {"dropoff_lat": FAR_LAT, "dropoff_lon": FAR_LON},
        {"passengers": 60},
        {"passengers": 3, "wheelchairs": 3},
        {"needs": "hoist"},
        {"client_name": busy.other.name, "client_phone": busy.other.phone},
    ):
        lines = [HEAD]
        for name in names:
            row = busy.bookings[name]
            values = {
                "reference": name,
                "scheduled_time": row.scheduled_time.isoformat(),
                "pickup_lat": row.pickup_lat,
                "pickup_lon": row.pickup_lon,
                "dropoff_lat": row.dropoff_lat,
                "dropoff_lon": row.dropoff_lon,
                "passengers": row.passengers,
                "wheelchairs": row.wheelchairs,
            } | change
            lines.append(",".join(str(values.get(column, "")) for column in HEAD.split(",")))
        found.append("\n".join(lines).encode())
    return found


def _imports(busy: Busy) -> list[Send]:
    return [
        (
            {"import_file": ImportFile.objects.create(
                company=busy.company, user=busy.user, name="x.csv", data=data, uploaded_at=NOW
            ).pk},
            {"skip_invalid": "on"},
        )
        for data in files(busy)
    ]  # fmt: skip


ORDERS = (
    "client_name,client_phone,weekdays,first_day,pickup_time,pickup_lat,pickup_lon,dropoff_lat,"
    f"dropoff_lon\nNadia,,mon tue wed,{DAY},10:00,46.2,6.14,46.21,6.15"
).encode()


def stored_orders(busy: Busy) -> ImportFile:
    return ImportFile.objects.create(
        company=busy.company, user=busy.user, name="x.csv", data=ORDERS, uploaded_at=NOW
    )


def _upload(busy: Busy) -> list[Send]:
    file = SimpleUploadedFile("x.csv", files(busy)[0])
    return [({}, {"company": busy.company.pk, "file": file, "date_order": ""})]


def _weeks(busy: Busy) -> list[Send]:
    return [
        ({}, {"company": busy.company.pk, "origin": origin, "source": DAY, "week": DAY,
              "weeks": "2", "confirm": "on"})
        for origin in ("templates", "copy")
    ]  # fmt: skip


def _roster(busy: Busy) -> list[Send]:
    form = {"company": busy.company.slug, "week": DAY}
    pair = {"colleague": busy.anna.pk, "driver": busy.ben.pk}
    return [({}, {**form, "origin": "week_before"}), ({}, {**form, "origin": "colleague", **pair})]


def _trip_page(busy: Busy) -> list[Send]:
    make.message_policy(busy.company, has_pages=True)
    return [
        ({"query": f"?k={key_of(row)}"}, {"version": row.version, **form})
        for row in busy.bookings.values()
        for form in ({"do": "cancel"}, {"do": "ready", "minutes": "0"})
    ]


def _wards(busy: Busy) -> list[Send]:
    place = make.place(busy.company)
    customer = busy.company.default_customer
    return [({"object_id": customer.pk}, {"place": place.pk, "shows_names": "on", "days": "9"})]


def _cancel(busy: Busy) -> list[Send]:
    return [
        ({"ids": row.pk}, {"trip": f"{row.pk}-{row.version}", "code": "called_off", "note": "x"})
        for row in busy.bookings.values()
    ]


def _telephone(busy: Busy) -> list[Send]:
    there = both(pickup_lat=46.2, pickup_lon=6.1, dropoff_lat=FAR_LAT, dropoff_lon=FAR_LON).form
    form = {
        "company": busy.company.slug, "new_name": "Ada", "pickup_address": "a",
        "dropoff_address": "b", "day": DAY, "pickup_at": "11:00", "return_at": "15:00",
        "passengers": "60", "wheelchairs": "0", "priority": "0", **there,
    }  # fmt: skip
    return [
        ({}, form),
        ({}, {**form, "new_name": "Bea", "driver": busy.anna.pk}),
        ({}, {**form, "new_name": "Cyd", "driver": busy.ben.pk}),
    ]


def _merge(busy: Busy) -> list[Send]:
    pairs = [(busy.client, busy.other), (busy.other, busy.client)]
    return [
        ({"kept": kept.pk, "gone": gone.pk}, {"seen": preview_merge(kept, gone).seen})
        for kept, gone in pairs
    ]


PAGES: dict[str, Callable[[Busy], list[Send]]] = {
    "company/<company>/": nothing,
    "i18n/setlang/": lambda busy: [({}, {"language": "fr"})],
    "admin/board/<company>/booking/<booking>/assign/": _assign,
    "admin/board/<company>/booking/<booking>/advice/": lambda busy: [
        ({"booking": pk}, {**change, "key": key}) for pk, change, key in suggested(busy)
    ],
    "admin/board/<company>/booking/<booking>/swap/": _swap,
    "admin/board/<company>/booking/<booking>/change/": _change,
    "admin/board/<company>/booking/<booking>/edit/": _edit,
    "admin/board/<company>/booking/<booking>/time/": _new_time,
    "admin/board/<company>/driver/<driver>/sick/": lambda busy: [
        ({"driver": row.pk}, {"note": "flu"}) for row in (busy.anna, busy.ben, busy.chloe, busy.dan)
    ],
    "admin/board/<company>/<day>/plan/": nothing,
    "admin/board/<company>/<day>/undo/": lambda busy: [({}, {"action": by_hand(busy)})],
    "admin/board/<company>/run/<run>/apply/": lambda busy: [({"run": busy.preview.pk}, {})],
    "admin/board/<company>/run/<run>/discard/": lambda busy: [({"run": busy.preview.pk}, {})],
    "admin/board/<company>/run/<run>/revert/": nothing,
    "admin/auth/user/<id>/password/": lambda busy: [
        ({}, {"usable_password": "true", "password1": "a long phrase 1",
              "password2": "a long phrase 1"})
    ],
    "admin/bookings/booking/<booking>/ready/": lambda busy: [
        ({"booking": row.pk}, {"minutes": minutes, "version": row.version})
        for row in busy.bookings.values()
        for minutes in ("0", "300")
    ],
    "admin/bookings/booking/cancel/<ids>/": _cancel,
    "admin/bookings/booking/telephone/": _telephone,
    "admin/bookings/booking/<booking>/duplicate/": lambda busy: [
        ({"booking": row.pk}, {"days": TOMORROW.isoformat(), "way_back": "on"})
        for row in busy.bookings.values()
    ],
    "admin/bookings/client/<kept>/merge/<gone>/": _merge,
    "admin/bookings/companyplace/<place>/moved/": _moved,
    "admin/bookings/client/<person>/forget/": lambda busy: [
        ({"person": client}, {"reason": "asked", "sure": "on"})
        for client in (busy.client.pk, gone(busy))
    ],
    "admin/bookings/booking/import/": _upload,
    "admin/bookings/booking/import/<import_file>/": _imports,
    "admin/bookings/series/import/": lambda busy: [
        ({}, {"company": busy.company.pk, "file": SimpleUploadedFile("x.csv", ORDERS)})
    ],
    "admin/bookings/series/import/<orders_file>/": lambda busy: [
        ({"orders_file": stored_orders(busy).pk}, {"confirm": "1"})
    ],
    "admin/drivers/driver/weeks/": _weeks,
    "admin/drivers/driver/<object_id>/phones/": lambda busy: [({"object_id": busy.anna.pk}, {})],
    "admin/drivers/customer/<object_id>/wards/": _wards,
    "drive/link/<secret>/": lambda busy: [
        ({"secret": make_link(busy.anna, user_id=None, now=NOW)[1]}, {})
    ],
    "trip/": _trip_page,
    "admin/drivers/shift/roster/": _roster,
    "admin/dispatch/dispatchrun/<run>/revert/": nothing,
    "admin/dispatch/dispatchrun/compare/<company>/": lambda busy: [
        ({}, {"day": DAY, "until": DAY, "more_like": busy.anna.vehicle_id} | POLICY)
    ],
    "admin/login/new/<uidb64>/<token>/": lambda busy: [
        ({"uidb64": "MQ", "token": "not-a-token"}, {"new_password1": "a", "new_password2": "a"})
    ],
    # These only show something, or are about who is logged in. (What a phone reports goes through
    # the use-cases of `me/`: tests/dispatch/drive.)
    **dict.fromkeys(
        (
            "drive/sync/", "ward/",
            "", "admin/", "admin/board/", "admin/reports/", "admin/reports/<company>/",
            "admin/reports/<company>/driven/",
            *(
                f"admin/reports/<company>/{what}/{kind}/"
                for kind in ("csv", "xlsx")
                for what in ("figures", "driven")
            ),
            "admin/search/", "admin/login/", "admin/logout/",
            "admin/login/second-factor/", "admin/login/set-up/", "admin/login/forgotten/",
            "admin/account/", "admin/company/", "admin/invitation/", "admin/invitation/<key>/",
            "admin/password_change/", "admin/password_change/done/", "admin/autocomplete/",
            "admin/jsi18n/", "admin/r/<content_type_id>/<object_id>/", "admin/<app_label>/",
            "admin/<url>",
            "admin/bookings/booking/telephone/clients/", "admin/bookings/booking/telephone/client/",
            "admin/bookings/booking/telephone/map/",
            "admin/bookings/booking/telephone/places/", "admin/bookings/client/doubles/",
            "admin/bookings/booking/telephone/times/",
            "admin/bookings/client/<person>/export/",
            "admin/bookings/booking/import/<import_file>/errors/",
            *(
                f"admin/{model}/export/{kind}/"
                for kind in ("csv", "xlsx")
                for model in (
                    "bookings/booking", "bookings/client", "drivers/driver", "drivers/vehicle",
                    "drivers/shift", "drivers/absence", "drivers/vehicleabsence",
                )
            ),
            *(
                f"admin/dispatch/assignment/manifest/<company>/<day>/{kind}/"
                for kind in ("csv", "xlsx")
            ),
        ),
        nothing,
    ),
}  # fmt: skip
READS = frozenset(address for address, sends in PAGES.items() if sends is nothing)
