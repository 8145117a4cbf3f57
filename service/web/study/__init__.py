"""The page of a study: parts that are made, and made anew, one by one."""
