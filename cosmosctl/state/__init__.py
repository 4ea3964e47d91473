"""What is true now, derived from files: the state of each run, what attempts left."""
