"""SentinelQA: generate, score, select. See :func:`run`, :func:`score` and :func:`load_run`."""

__version__ = "0.1.0"
