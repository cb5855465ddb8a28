"""The kinds that Kubernetes itself brings: what they look like, what they default to, and what they refuse."""
