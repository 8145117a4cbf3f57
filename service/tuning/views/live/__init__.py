"""What happens in studies, as it happens, for those who watch.

`position` says what a stream has told already; `changes` what is new since, of one study; `study` when it is told, and
`studies` the same for all of them in short. Each is worked out once, however many watch.
"""
