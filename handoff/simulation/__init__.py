"""What a rule set would do: with one lead, with saved test leads, with the leads of the last days.

Nothing is decided here: `routing.decide` does, as live. replay: leads of the past one after the other, on a
board that changes in memory (pure). reading: what a replay starts from. report: what came of it (pure).
runs: replays as background work. single: one lead. cases: saved test leads, and what they guard.
"""
