"""The decisions of a plan about one child, by the child's role. Pure."""
