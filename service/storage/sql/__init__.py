"""Every statement that is run, and the rows that it reads or writes."""
