"""The agreement of marketing and sales: generated from what is configured, signed, read, frozen for a while,
recalibrated.

`terms` says what an agreement is and what is different between two (pure), `gather` reads it from the
configuration, `recalibration` proposes (pure); `models`, `selectors`, `services` as everywhere; `gate` keeps
versions from being published in the freeze.
"""
