"""A controller framework for Kubernetes, and the Model controller built on it.

A tour, in the order in which an event travels:

- ``client``: a watch line arrives as bytes and becomes a WatchEvent;
- ``informers``: the list-and-watch machine says what it means, the store takes it in and returns a Delta;
- ``runtime``: predicates and handlers turn the Delta into Requests;
- ``workqueue``: a key waits once, is worked on by one worker, and comes back after what happened meanwhile;
- ``leaderelection``: only the holder of the lease has workers, and writes only while a renewal covers it;
- ``reconcilers``: observe, ``validation`` and ``render``, plan, apply, status;
- ``lora``: the adapters of running engines, over their own HTTP port;
- ``metrics``: what all of them count.

``meta`` has the words they share, ``envtest`` the control planes they are tested on, ``cli`` the program that composes them.
docs/architecture.md describes every package.
"""
