"""A trial that several processes train together: the ranks of a training, started by torchrun, `accelerate launch`, or
whatever else sets RANK and WORLD_SIZE.

`ranks` says who this process is, `store` where all of them meet. `watch` knows who is alive and who has failed,
`group` carries what rank 0 did to all, `packing` the errors among it. `shared_trial` is a trial as each rank sees it,
`endings` how it ends where they left it in different ways, and `leases` hands trials out. `reducing` has the few sums
over ranks that a training takes. With one process none of it is used, and torch.distributed is not imported.
"""
