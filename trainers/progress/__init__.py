"""What a person sees of work that goes on: lines at the foot of a terminal, drawn anew in place; elsewhere plain lines.

`streams` hears what else is written, `screen` draws, `trials` is one worker's line: the running trial, or what it
waits for. All goes to standard error; standard output belongs to the program. No colour, no torch, no HTTP.
"""
