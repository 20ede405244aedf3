"""Published and own set-ups, one YAML file each."""
