"""`bench abuse`: hostile and unlucky clients beside honest workers.

`honest` is the workers' process, `stage` a service with both, `run` plays the scenarios of `bodies`, `connections`,
`reads`, `asks`, `leases`, `database` and `strangers`.
"""
