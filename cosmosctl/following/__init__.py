"""A batch to its end: started, followed, its results brought home, several at once."""
