"""Accelerate: trials that several processes train together; `leases` hands out those of `lrtune.trainers.distributed`,
as an Accelerator says who there is."""
