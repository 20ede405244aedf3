"""From files on disk to what the model sees."""
