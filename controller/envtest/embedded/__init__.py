"""An API server in memory: real HTTP on loopback, as much of Kubernetes as controllers and everyday kubectl need."""
