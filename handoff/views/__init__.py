"""Pages of the people who work and watch leads, a module a subject. Each view: get, authorise, parse, call,
render."""
