"""The networks of Table 1: as data, as modules, what they cost and see, and what they start from."""
