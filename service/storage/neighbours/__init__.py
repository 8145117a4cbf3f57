"""Other processes that write the same database beside the one writer: stock Optuna scripts, plain SQL.

`watcher` is the thread that looks every two seconds, and more often while it finds something; `change_signal` tells
it at next to no cost whether anybody has written; `queries` read what can be new by its keys; `comparison` holds a
study against that. What is found enters the mirrors by a change, like everything. What collides within a transaction
is told by `sql.conflicts`.
"""
