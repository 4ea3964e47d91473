"""The user's YAML: read with places, edited by round trip. Nothing else here or elsewhere parses it."""
