"""Reviews: the week's page, and the month's and the quarter's pack, which is frozen when it is closed."""
