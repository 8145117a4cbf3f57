"""Changes, gathered into batches and committed together."""
