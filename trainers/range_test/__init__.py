"""Learning-rate range tests of models: the rate is raised, the loss recorded, everything put back."""
