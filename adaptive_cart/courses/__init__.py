"""What may happen to a participant: what the file says of it, made complete, and followed."""
