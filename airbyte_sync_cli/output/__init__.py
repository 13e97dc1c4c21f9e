"""Everything that is printed or written to files; the only owner of stdout and stderr."""
