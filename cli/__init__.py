"""The `hyperplan` command: what people and scripts type, in terms of the other packages, all of which it may import."""
