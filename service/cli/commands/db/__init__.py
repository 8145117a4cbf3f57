"""`lrtune db`."""
