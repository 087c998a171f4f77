"""What makes or judges one record. Knows the nouns, never the database."""
