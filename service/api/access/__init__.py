"""`/v1/tokens`, `/v1/me` and `/v1/audit`."""
