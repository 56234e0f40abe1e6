"""What was before: a named period of imported history, counted by the definitions of today."""
