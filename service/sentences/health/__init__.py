"""What the health cards say, a file a card: the question, answers with their numbers, and what to do."""
