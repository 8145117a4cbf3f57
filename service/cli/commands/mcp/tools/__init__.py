"""What agents may call, a file a noun: each tool is a function of the worker and of what was given."""
