"""The same rules as JSON Schemas, for editors and for who reads a receipt."""
