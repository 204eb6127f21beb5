"""What a dispatcher can do about a trip without a driver: found, worked out, and carried out.

One judge for all of it: `work_out` builds the day as it would be and asks the code of the hand
assignment. What is shown is what it returned, and `carry_out` asks it again under locks.
"""
