"""The command line (Typer): commands, options, help, completion."""
