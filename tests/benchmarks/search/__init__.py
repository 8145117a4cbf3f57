"""`bench search`: search methods compared on tabulated learning curves."""
