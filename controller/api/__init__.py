"""The Model API: types, derived values, rules, CRDs and the documents they are read from. Pure."""
