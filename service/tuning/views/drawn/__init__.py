"""What pictures are drawn of: read of a study under the lock, at a cost that does not grow with its history."""
