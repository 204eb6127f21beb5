"""What a dispatcher can do about trips without a driver, or that will be late.

Found, worked out, and carried out, by one judge: `work_out` builds the day as it would be and asks
the code of the hand assignment. What is shown is what it returned, and `carry_out` asks it again
under locks.
"""
