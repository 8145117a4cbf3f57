"""HTTP connections: what strangers may hold open, and for how long.

`protocol` is uvicorn's own protocol with bounds, `registry` knows all connections of a process and looks them over once
a second, `refusals` has the answers to those who are turned away, `descriptors` what the system allows the process.
`certificates` keeps the pair of certificate and key that https is served with, read by `pairs`; `addresses` knows who
reaches an address.
"""
