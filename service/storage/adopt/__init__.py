"""Taking over databases that Optuna wrote: older schemas, and local times made UTC."""
