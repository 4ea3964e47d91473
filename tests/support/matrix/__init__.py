"""The cases of the fault matrix: each a function over a `Lab` that draws its moment from the lab's chance."""
