"""Accelerate: trials that several processes train together; the main one talks to the service.

`broadcast` carries what it heard to the others, `shared_trial` is a trial as each of them sees it, `leases` hands them
out.
"""
