"""The HTTP client: studies, trials on lease, renewal, retries."""
