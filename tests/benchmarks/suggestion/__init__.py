"""How good suggestions are, and what their intervals cover."""
