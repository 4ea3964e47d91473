"""How files become what the store knows: each one parsed, the folders walked, the keys under which both are known."""
