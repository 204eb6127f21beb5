from statistics import median

from django.test import SimpleTestCase

from perf.project.scenarios.generate import CAP, URGENT, geneva_bookings, geneva_clients, geneva_day
from perf.project.scenarios.problem import as_problem


class GenevaDayTests(SimpleTestCase):
    def test_same_seed_gives_the_same_day_and_another_seed_another(self):
        self.assertEqual(geneva_day(60, seed=3), geneva_day(60, seed=3))
        self.assertNotEqual(geneva_day(60, seed=3).bookings, geneva_day(60, seed=4).bookings)

    def test_makes_as_many_bookings_and_drivers_as_asked(self):
        for bookings, drivers in ((0, 0), (1, 1), (2, 5), (101, 13)):
            scenario = geneva_day(bookings, drivers)
            self.assertEqual(len(scenario.bookings), bookings)
            self.assertEqual(len(scenario.drivers), drivers)

    def test_has_one_driver_per_nine_bookings_unless_told(self):
        self.assertEqual(len(geneva_day(900).drivers), 900 / 9)

    def test_eighty_five_in_a_hundred_come_back_with_the_same_client_the_other_way(self):
        bookings = geneva_day(1000).bookings
        back = [b for b in bookings if b.return_of is not None]
        # x there and 0.85 x back make 1,000: x = 1,000 / 1.85 = 540.5, back = 459.
        self.assertEqual(len(back), 459)
        for b in back:
            there = bookings[b.return_of]
            self.assertEqual(there.client, b.client)
            self.assertEqual(there.pickup_address, b.dropoff_address)
            self.assertGreaterEqual(b.wanted_s, there.appointment_s)

    def test_looks_like_the_day_it_imitates(self):
        problem = as_problem(geneva_day(2000))
        rides_km = [trip.ride_s * 30 / 3600 for trip in problem.trips]
        self.assertAlmostEqual(median(rides_km), 7.7, delta=0.3)
        self.assertLessEqual(max(rides_km), 15.1)
        bookings = geneva_day(2000).bookings
        self.assertAlmostEqual(sum(b.wheelchairs for b in bookings) / 2000, 0.16, delta=0.03)
        there = [b for b in bookings if b.return_of is None]
        urgent = sum(b.priority == URGENT for b in there)
        self.assertAlmostEqual(urgent / len(there), 0.10, delta=0.02)

    def test_a_history_reuses_the_clients(self):
        clients = geneva_clients(50, 5, seed=1)
        for day in range(3):
            bookings = geneva_bookings(clients, 30, seed=day)
            self.assertEqual(len(bookings), 30)
            self.assertTrue(all(0 <= b.client < 50 for b in bookings))


class AsProblemTests(SimpleTestCase):
    def test_windows_are_ten_before_to_fifteen_after_and_zero_to_thirty_on_the_way_back(self):
        scenario = geneva_day(100)
        for booking, trip in zip(scenario.bookings, as_problem(scenario).trips, strict=True):
            window = (trip.earliest_s - trip.wanted_s, trip.latest_s - trip.wanted_s)
            back = booking.return_of is not None
            self.assertEqual(window, (0, 30 * 60) if back else (-10 * 60, 15 * 60))
            self.assertLessEqual(trip.earliest_s, trip.last_start_s)

    def test_trips_have_the_priority_of_their_bookings(self):
        scenario = geneva_day(200)
        for booking, trip in zip(scenario.bookings, as_problem(scenario).trips, strict=True):
            self.assertEqual(trip.priority, booking.priority)

    def test_drivers_carry_their_cap_and_duties_their_break(self):
        problem = as_problem(geneva_day(100))
        self.assertEqual({driver.capacity for driver in problem.drivers}, {CAP})
        self.assertEqual({duty.break_.length_s for duty in problem.duties}, {1800})
        # 11 drivers, every eighth: 11 x 0.125 = 1.4, so 1.
        self.assertEqual(sum(driver.emergency for driver in problem.drivers), 1)
