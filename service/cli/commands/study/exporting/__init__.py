"""`lrtune study export`: `command` says what is written, `target` where to, `tables` CSV and Parquet."""
