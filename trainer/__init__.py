"""One image to an identity: tokens, losses, augmentation, the loop, jobs and the worker.

Nothing is imported here, so that a worker watches its parent before torch is loaded.
"""
