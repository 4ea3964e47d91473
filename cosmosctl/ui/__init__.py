"""The page live, on this machine alone: what a gallery shows, changing as the project does, its writes our commands."""
