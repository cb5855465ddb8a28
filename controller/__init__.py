"""A controller framework for Kubernetes, and the Model controller built on it."""
