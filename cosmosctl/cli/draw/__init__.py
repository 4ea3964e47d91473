"""What is printed: tables, bars, the view of a batch that is followed."""
