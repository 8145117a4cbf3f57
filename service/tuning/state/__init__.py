"""What is read of a study before anything is decided: budget, outcomes, snapshots, priors."""
