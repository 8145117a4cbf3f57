"""What the outside sees, as wire models, from the mirror and under the engine's lock.

`studies` and their status; `trials` one by one and in lists; `curves`, however long; `replays`: where `auto` would have
stopped trials that are over; `live`: what is new, as it happens. Nothing here changes a study.
"""
