"""One connection to a service. `connection` sends requests and reads answers; `authorization` and `tls` say who it is
and whom it trusts, `bodies` writes JSON, `answers` tells lrtune's own from those of others, `retry` what is worth
another try; `pool` gives each process sockets of its own."""
