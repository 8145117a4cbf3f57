"""What is put back or kept: snapshots, random states, checkpoints."""
