"""One image to an identity: tokens, losses, augmentation, the loop, the job process.

Nothing is imported here, so that ``python -m trainer`` watches its parent before torch is loaded.
"""
