"""Files to nouns and back; the only folder that knows a format."""
