"""Shelf of report sections: a file each."""
