"""What was done, by whom: `pages` reads it, a page at a time; `retention` removes what is too old. It is written where
studies and tokens are changed, in the same transaction."""
