"""Front doors that answer over a network."""
