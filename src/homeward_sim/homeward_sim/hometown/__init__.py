"""Hometown: a small town of our own, drawn by a program.

`python -m homeward_sim.hometown FOLDER` writes `hometown.xodr` (OpenDRIVE 1.4) and `places.yaml`. The town is
described as data in `layout.py`; `network.py` turns streets into roads, `junctions.py` joins them, `furniture.py` and
`buildings.py` put things beside them, and `opendrive.py` writes the file. The same source always writes the same
bytes.

Coordinates are OpenDRIVE's: x east, y north, metres, right-handed; headings counter-clockwise from east in radians.
"""
