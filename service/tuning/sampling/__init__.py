"""Drawing a trial's parameters: samplers and pruners by name."""
