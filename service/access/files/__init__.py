"""Secrets that come in files: `tokens`, which a service makes sure of when it starts; `scraping`, by which Prometheus
comes in."""
