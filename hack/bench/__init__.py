"""Side-by-side measurements on a real control plane: the controller, an ideal writer, and a kopf operator that does the same minimal job.

``python -m hack.bench`` (``make bench``) runs interleaved rounds and prints a table; ``--write`` puts it with plots into docs/benchmarks.md.
"""
