"""Pages that need no study: a range test, schedules, scaling. And a range test that is kept with one."""
