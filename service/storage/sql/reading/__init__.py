"""What is read: `studies` and `trials` load whole studies by sets of rows, while no garbage is collected; `summaries`
counts without loading; `audit` finds a page of what was done, along one index; `specs`, `range_tests`, `past_rates`,
`sequences` and `created` are read on their own."""
