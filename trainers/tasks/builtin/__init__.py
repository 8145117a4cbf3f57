"""The built-in tasks, on small data that comes with scikit-learn or is made here."""
