"""Alembic's migrations of the gateway's database."""
