"""The local stack: what make up, make down and make demo run."""
