"""Reading manifests: documents that know where they stand, and all that is wrong with them, at once."""
