"""What any photograph shows, whichever process looks at it."""
