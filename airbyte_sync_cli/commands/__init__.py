"""What each command does, given its options: no Typer here."""
