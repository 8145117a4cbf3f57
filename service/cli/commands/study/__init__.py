"""`lrtune study`."""
