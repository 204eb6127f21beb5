from dispatch.day.stretches import Ride, drives, number, stretches


def ride(booking, pickup, dropoff, of=None, driver=1):
    return Ride(driver, pickup, dropoff, booking, of)


def test_a_stretch_goes_from_empty_to_empty():
    rides = [
        ride(1, 0, 10),
        ride(2, 5, 30),
        ride(3, 29, 40),
        ride(4, 40, 50),
        ride(5, 0, 9, driver=2),
    ]
    found = [[one.booking_id for one in together] for together in stretches(rides)]
    assert found == [[1, 2, 3], [4], [5]]  # 3 gets off at 40, when 4 gets on: empty in between


def test_a_long_ride_holds_together_what_is_inside():
    found = list(stretches([ride(1, 0, 100), ride(2, 10, 20), ride(3, 50, 60)]))
    assert [len(one) for one in found] == [3]


def test_drives_lead_from_stop_to_stop_of_those_on_board():
    rides = [ride(1, 0, 30), ride(2, 10, 20), ride(3, 20, 20), ride(4, 20, 40)]
    ends = {i: ((i, 0), (i, 1)) for i in (1, 2, 3, 4)}
    found = list(drives(rides, ends))
    # At 20, 2 gets off before 3 and 4 get on; the ride of 3 has no length.
    assert [booking for booking, _origin, _place in found] == [2, 2, 3, 4, 3, 1, 4]
    assert found[0] == (2, (1, 0), (2, 0))
    assert found[-1] == (4, (1, 1), (4, 1))


def test_rides_together_have_one_number_and_a_ride_alone_has_none():
    numbers = number([ride(7, 0, 10), ride(5, 5, 20), ride(6, 20, 30), ride(8, 6, 9, driver=2)])
    assert numbers == {7: 5, 5: 5, 6: None, 8: None}


def test_a_stretch_keeps_its_number_as_long_as_that_booking_rides_in_it():
    assert number([ride(2, 0, 10, of=2), ride(1, 5, 20)]) == {2: 2, 1: 2}
    assert number([ride(2, 0, 10, of=9), ride(1, 5, 20)]) == {2: 1, 1: 1}
    assert number([ride(3, 0, 10, of=3)]) == {3: None}


def test_two_halves_of_a_stretch_are_two():
    halves = [
        ride(1, 0, 10, of=1),
        ride(2, 5, 20, of=1),
        ride(3, 20, 30, of=1),
        ride(4, 25, 40, of=1),
    ]
    assert number(halves) == {1: 1, 2: 1, 3: 3, 4: 3}


def test_no_stretch_has_the_number_of_another():
    # Booking 1 has left stretch 1 and rides with 4 now.
    rides = [ride(2, 0, 10, of=1), ride(3, 5, 20, of=1), ride(1, 50, 60), ride(4, 55, 70)]
    assert number(rides) == {2: 2, 3: 2, 1: 1, 4: 1}
