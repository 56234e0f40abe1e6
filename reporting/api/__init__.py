"""What managers read, for programs: a module a subject, as `reporting.views` has them for people."""
