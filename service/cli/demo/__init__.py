"""`lrtune demo`."""
