"""What an ask comes to: a waiting trial, a replicate, the ladder's next, a paused trial that goes on, a new one, none.

`begin` answers at once where nothing has to be drawn; else it says what (`to_draw`, a type per case, each with the
snapshot it needs). The drawing happens outside the engine's lock and may take as long as a sampler likes. `take` then
looks at the study anew and leases what was drawn (`sampling.drawn`, a type per case), unless the study takes no trial
any more. `shortage` ends what waits for more steps than the budget has left. `idle` remembers how a study stood when it
had nothing to give, so that idle workers cost no new choice.
"""
