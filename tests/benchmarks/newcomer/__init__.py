"""What somebody new waits for: the first page, imports, the answer to a Tab."""
