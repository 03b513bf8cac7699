"""`python -m homeward_cli`: what ./homeward becomes once the environment is there."""

from homeward_cli.app import main

main()
