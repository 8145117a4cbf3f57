"""What everybody else waits while somebody reads, or deletes, a long history."""
