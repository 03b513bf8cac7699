"""`./homeward can`: what is on a CAN bus, recorded, replayed, decoded, and commands through the gate. Knows no ROS."""
