"""What runs workers, a file an engine; each is imported where it is wanted, and brings its own packages."""
