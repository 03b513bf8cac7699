"""CAN frames <-> vehicle state and commands; the command gate."""
