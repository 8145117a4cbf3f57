"""What past studies found, recorded and looked up."""
