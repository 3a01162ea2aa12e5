"""What every process tells about itself in the same way: traces."""
