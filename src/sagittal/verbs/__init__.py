"""What a user can ask for, a verb a file."""
