"""The leak finder: how handoffs count (`rows`), their counts (`counting`), what an organisation set
(`settings`), and the finding itself, which is plain Python (`finder`)."""
