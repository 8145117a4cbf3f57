"""Taking over databases that Optuna 4 or 5 wrote: older schemas, and local times made UTC.

`adopt` plans and does it, in one transaction for each step, so that what was begun is finished by the next call.
`specs` says which studies can be used over HTTP, `times` converts what Optuna 4 stored in local time, by the zones of
`zones`. No service may run meanwhile; the engine refuses a database that has not been taken over.
"""
