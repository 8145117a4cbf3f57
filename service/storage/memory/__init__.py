"""Studies and trials in memory, which every decision reads.

`mirrors` holds the names of all studies, those that are in memory, the next ids, and the lock on all of it. `study` is
a study with its queues, its ranking and its counts, kept up to date with each change; `trial` a trial with its lease;
`recent` what has changed lately of one that is watched; `range_tests` a range test without its curve; `summary` what
lists show of a study that is not in memory; `clocks` says what time is judged by; `actor` whom a change is made for;
`deletion` what becomes of a deleted study. Nothing here knows the database.
"""
