"""Ownership of fields: server-side apply and the managed fields of every other write."""
