"""The service inside a script's own process, without a socket: for `lrtune.Client("local")` and `lrtune.tune`.

`service` runs the application on an event loop in a thread of its own; `exchange` hands it one request from another
thread, and gives back the answer as it comes; `shared` lets all who open one file in one process use one service, and
ends it with the last. What may go wrong for who opens one is in `errors`. The client loads this room by name: it
imports nothing above `lrtune.service.wire` when the script talks to a server.
"""
