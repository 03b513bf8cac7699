"""What every Homeward node stands on."""
