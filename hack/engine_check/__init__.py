"""The rendered commands of samples and how-to pages, given to a real engine: its parser reads all of them, and a CPU build runs those that it can.

``python -m hack.engine_check`` (``make engine-check``) installs the engine into the user's cache, makes a tiny random model and adapters, and
needs neither a GPU nor a model hub. ``--write`` keeps what the engine answered as the fixtures of the tests of the serving client.
"""
