"""How close the controller comes to an ideal writer, on a real control plane: ``make bench``."""
