"""The tables: Optuna's and ours, what is stored in them and under which names."""
