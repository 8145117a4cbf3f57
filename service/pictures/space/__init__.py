"""What a study searches: its parameters beside each other, which of them matter, and one against the metric."""
