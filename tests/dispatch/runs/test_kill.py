"""A dispatch killed in the middle of writing: no half plan, and the day is free with its lease."""

import signal
import subprocess
import sys
from datetime import date

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bookings.models import Booking, Event
from dispatch.models import Assignment, DispatchRun
from dispatch.runs.claim import DayBusy
from drivers.models import Shift
from tests import PROJECT
from tests.support import builders as make

FAR = date(2099, 6, 17)

# Runs dispatch_day on the test's database and kills itself after the statement that contains
# its second argument.
SCRIPT = """
import os, signal, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django.core.management import call_command
from django.db import connection

def killing(execute, sql, params, many, context):
    result = execute(sql, params, many, context)
    if sys.argv[2] in sql and connection.in_atomic_block:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

with connection.execute_wrapper(killing):
    call_command("dispatch_day", "--company", "geneva", "--date", sys.argv[3], "--fast")
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        'INSERT INTO "dispatch_assignment"',
        'UPDATE "bookings_booking"',
        'INSERT INTO "bookings_event"',
        'UPDATE "dispatch_dispatchrun"',
    ],
)
@pytest.mark.process
def test_a_killed_dispatch_leaves_nothing_and_blocks_nobody(statement):
    shift = make.shift(make.driver(), day=FAR, break_min=30)
    make.booking(clock="09:00", day=FAR)
    child = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(connection.settings_dict["NAME"]), statement, str(FAR)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert not Assignment.objects.exists()
    assert not Event.objects.exists()
    assert Booking.objects.get().status == "accepted"
    assert Shift.objects.get().break_at is None
    assert DispatchRun.objects.get().status == "running"  # nobody was left to say otherwise

    with pytest.raises(DayBusy):
        call_command("dispatch_day", "--company", "geneva", "--date", str(FAR), "--fast")
    DispatchRun.objects.update(claim_ends_at=timezone.now())  # half a minute later
    call_command("dispatch_day", "--company", "geneva", "--date", str(FAR), "--fast", "--json")
    killed, run = DispatchRun.objects.order_by("id")
    assert (killed.status, run.status) == ("failed", "completed")
    assert Assignment.objects.get().run == run
    shift.refresh_from_db()
    assert shift.break_at is not None
