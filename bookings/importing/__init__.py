"""Import of bookings from CSV files and Excel workbooks: read, compare, write."""
