"""The kinds that napsim serves and reads, as pydantic models, and the CRDs generated from them."""
