"""What is read: `studies` and `trials` load whole studies by sets of rows, while no garbage is collected; `summaries`
counts without loading; `specs`, `range_tests`, `past_rates` and `sequences` are read on their own."""
