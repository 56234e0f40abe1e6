"""The leak finder: counts of a period's leads in, ranked findings out. Pure: no Django here."""
