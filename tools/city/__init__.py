"""A made-up city for the demo: its plan, the rays that find what a camera sees of it, light, materials and paint.

`python -m tools.city`, in the root of the repository, draws the three clips that `init --demo` copies.
"""
