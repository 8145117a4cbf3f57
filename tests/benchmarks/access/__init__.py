"""`bench access`: what tokens cost those who have the right one.

`run` has the parts: `tokens` compares services with a token, with 10,000 and without; `flood` puts strangers with wrong
tokens beside an honest worker. `guarded` is a service that wants tokens, `worker` and `strangers` the processes that
send.
"""
