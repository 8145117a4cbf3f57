"""Every statement that is run for studies and trials, and the rows that it reads or writes.

Writing: `statements` names and describes each kind of row, with its SQL; `rows` builds them from the mirrors; a batch
costs one statement a kind, run by an `execution`. `conflicts` are the checks, within the same transaction, of what
another process may have written meanwhile. Reading: `studies` and `trials` load whole studies by sets of rows, while
no garbage is collected; `range_tests` and `past_rates` are read on their own.
"""
