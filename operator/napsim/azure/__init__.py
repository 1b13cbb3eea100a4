"""Maintenance configurations as Azure's tools write them, read into napsim's manifests and printed from them.

Pure: texts and parsed documents in, values and texts out. Nothing here talks to Azure.
"""
