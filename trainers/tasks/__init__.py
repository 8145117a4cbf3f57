"""Example tasks on real data, for the demo and for tests."""
