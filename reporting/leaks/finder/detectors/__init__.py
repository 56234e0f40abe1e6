"""One module for each kind of leak."""
