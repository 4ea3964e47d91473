"""What is there: looked up and put together, nothing is changed."""
