"""`lrtune token` and `lrtune audit`."""
