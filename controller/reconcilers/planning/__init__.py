"""How a plan decides about one child, by the child's role. Pure."""
