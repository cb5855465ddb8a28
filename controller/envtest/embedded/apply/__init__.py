"""Who set which field: server-side apply and the managed fields of every other write."""
