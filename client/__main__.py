"""``python -m client``: the `likeness` command."""

from client.cli import main

main()
