"""``python -m service.admin``."""

from service.admin.cli import main

main()
