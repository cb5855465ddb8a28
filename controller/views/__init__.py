"""How Models are shown to people, on a terminal."""
