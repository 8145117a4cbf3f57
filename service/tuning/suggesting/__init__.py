"""What to train with: suggestions, range tests, responses, diagnoses."""
