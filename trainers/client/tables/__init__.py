"""Tables of a study, for scripts and files: all its trials, all that they reported.

`columns` says what a trial's row has, `reading` reads trials and curves a page at a time, `frames` makes pandas' tables
of them, `study` is what a study offers. Only `frames` needs pandas, when it is asked for a table.
"""
