"""Measurements of the running service's parts, each with its peers in the same run."""
