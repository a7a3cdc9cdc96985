"""stoker keeps services running.

This module holds the version and nothing else, because every program of ours imports it first.
What a user of the library wants is in ``stoker.client`` (the control API), ``stoker.testing``
(a simulated world) and ``stoker.model`` (what a service is).
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
