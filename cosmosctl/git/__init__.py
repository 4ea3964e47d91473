"""What git does in a work tree, told by its files; git itself is never started. And what a project tells git."""
