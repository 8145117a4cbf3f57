"""The page that shows two to five studies side by side."""
