"""`python -m homeward_cli.can_tools`: what `./homeward can` becomes."""

from homeward_cli.can_tools.commands import main

main()
