"""What the callbacks of frameworks cost their trainings."""
