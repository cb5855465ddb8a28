"""One suite for both control planes: what the embedded API server does, it does as Kubernetes does it. Codes, reasons and objects, never texts."""
