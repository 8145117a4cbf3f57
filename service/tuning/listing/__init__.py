"""The list of studies: a row of each, filtered and sorted, without loading one for it."""
