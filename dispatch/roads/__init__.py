"""Driving times on the road: who is asked, what is kept between runs, what holds without them."""
