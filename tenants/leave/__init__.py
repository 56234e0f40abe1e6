"""Time off: `days` turns days and halves of days into instants and back into words, `services` writes leave,
`reading` finds it, `files` takes it over from a calendar file."""
