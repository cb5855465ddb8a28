"""The Model API: types, storage, variables and configs, findings, CRDs and the documents they are read from. Pure."""
