"""The demo: an embedded API server, the controller, and workloads that only pretend.

Everything between the API server and the Models' conditions is the real program; what is simulated is the part that a cluster with
GPUs would do: workloads become Available a moment after they appear.
"""
