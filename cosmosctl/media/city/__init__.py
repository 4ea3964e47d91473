"""A made-up city for the demo: its plan, the rays that find what a camera sees of it, light, materials and paint."""
