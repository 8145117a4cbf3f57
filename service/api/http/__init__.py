"""What every endpoint shares: reading requests, and shaping answers.

`bodies` reads, `paging` and `slices` shape long answers, `problems` has one table from error types to statuses, and
`readable` words pydantic's errors.
"""
