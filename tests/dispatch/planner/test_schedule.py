from django.test import SimpleTestCase

from dispatch.planner.search.schedule import times
from tests.support.problems import clock, make_break, make_trip

OPENS, CLOSES = clock("07:00"), clock("17:00")


class TimesTests(SimpleTestCase):
    def test_pickups_are_when_they_are_wanted_if_the_route_allows(self):
        stops = [make_trip(1, "08:00", early=600), make_trip(2, "09:00", early=600)]
        starts, rest = times(stops, [0, 600, 0], OPENS, CLOSES, None)
        self.assertEqual((starts, rest), ([clock("08:00"), clock("09:00")], None))

    def test_a_pickup_comes_earlier_for_the_sake_of_the_next_and_not_more_than_needed(self):
        # The second starts by 08:15 at the latest, 10 min of driving after a ride of 10 min:
        # the first starts by 07:55.
        stops = [make_trip(1, "08:00", early=600), make_trip(2, "08:15", early=600, late=0)]
        starts, _ = times(stops, [0, 600, 0], OPENS, CLOSES, None)
        self.assertEqual(starts, [clock("07:55"), clock("08:15")])

    def test_a_pickup_comes_later_when_the_driver_cannot_be_there(self):
        # Opening at 07:00 and 70 minutes away: 08:10.
        starts, _ = times([make_trip(1, "08:00")], [4200, 0], OPENS, CLOSES, None)
        self.assertEqual(starts, [clock("08:10")])

    def test_the_break_stands_still_where_it_can(self):
        # Between the trips are 11:40 to 12:50 with 30 min of driving: resting at 12:00 before
        # it would end at 13:00, too late; at 12:00 he is on the way; on arrival it fits.
        stops = [make_trip(1, "11:30"), make_trip(2, "12:50", late=0)]
        _, rest = times(stops, [0, 1800, 0], OPENS, CLOSES, make_break("12:00", "13:00"))
        # Arrived 11:40 + 30 min = 12:10; until 12:40.
        self.assertEqual(rest, clock("12:10"))

    def test_the_break_interrupts_a_drive_when_nothing_else_fits(self):
        # 11:40 to 12:40 are 60 minutes for 30 of driving and 30 of rest, which must start at
        # 12:00 and not at 12:10, because it must end by 12:30.
        stops = [make_trip(1, "11:30", late=0), make_trip(2, "12:40", late=0)]
        _, rest = times(stops, [0, 1800, 0], OPENS, CLOSES, make_break("12:00", "12:30"))
        self.assertEqual(rest, clock("12:00"))

    def test_the_break_goes_where_it_disturbs_the_pickups_least(self):
        # Between 11:10 and 11:20 there is no room, after the last trip there is.
        stops = [make_trip(1, "11:00"), make_trip(2, "11:20", late=3600)]
        starts, rest = times(stops, [0, 600, 0], OPENS, CLOSES, make_break("11:00", "14:00"))
        self.assertEqual(starts, [clock("11:00"), clock("11:20")])
        self.assertEqual(rest, clock("11:30"))

    def test_a_route_out_of_time_is_refused(self):
        with self.assertRaises(ValueError):
            times([make_trip(1, "06:00", late=0)], [0, 0], OPENS, CLOSES, None)
        with self.assertRaises(ValueError):
            times([make_trip(1, "08:00")], [0, 0], OPENS, CLOSES, make_break("05:00", "07:20"))
