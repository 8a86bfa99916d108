"""A build backend that builds nothing.

``pip download`` asks a source distribution for its metadata, which for most of them means running
their ``setup.py``. With this package before the real one on the path of that one call, the answer
is copied from the archive's own ``PKG-INFO``, and no code of the archive is run.
"""
