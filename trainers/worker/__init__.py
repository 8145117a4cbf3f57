"""The worker: leases trials and trains them until there are none, and ends cleanly."""
