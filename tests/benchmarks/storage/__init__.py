"""What storing costs, beside a bare endpoint and stock Optuna."""
