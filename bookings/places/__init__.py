"""Find places by what somebody types: `search.search_places` asks every source.

Sources: the company's own places (`known`), the address register (`register`), and the geocoder
that the installation has configured (`geocoder`). Positions are degrees, WGS 84.
"""
