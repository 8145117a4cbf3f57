"""Studies and trials in memory: the mirrors that every decision reads."""
