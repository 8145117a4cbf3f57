"""Pictures: values in, a matplotlib figure out."""
