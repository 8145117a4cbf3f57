"""What every endpoint shares: reading requests, and shaping answers.

`bodies` reads, `paging` and `slices` shape long answers, `problems` has one table from error types to statuses,
`readable` words pydantic's errors, and `methods` knows what a path takes. `openapi` and `schemas` complete what
FastAPI says of the endpoints.
"""
