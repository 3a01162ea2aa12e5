"""The `likeness-admin` command: for those who run the service, beside its database."""
