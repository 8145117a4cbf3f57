"""The page of all studies: what is chosen in the address, how a row is shown, what is said where there is none."""
