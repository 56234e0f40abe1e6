"""The drill: a set of test leads goes the whole real way, and a card says what happened to each, and how
fast.

services: begin one, take it through its states; sending: the leads over the API; observing: what became of
them; cards: the judgement, pure; receiver: where the drill's own webhooks arrive; plan: every week by itself.
"""
