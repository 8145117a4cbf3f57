"""Every statement that is run for studies and trials, and the rows that it reads or writes.

`writing` has what a batch writes, `reading` what is loaded or counted. What both need: `execution`, how a statement is
run by each driver; `deleted`, studies whose rows are still to be removed; `probe`, whether the database takes writes.
"""
