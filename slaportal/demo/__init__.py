"""The demo: two organisations with a past that the real services made, and a present that goes on."""
