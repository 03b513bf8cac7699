"""`./homeward map convert IN.xodr OUT.osm`: OpenDRIVE maps for those who read Lanelet2, Autoware and our planner among
them.

    convert(xodr_text, name) -> Conversion(osm, projector_info, summary)
    convert_file(source, target, say) -> Summary

`opendrive.py` reads what the file says, `geometry.py` asks carla.Map where lanes lie, `strips.py` cuts lanes into
lanelets, `joints.py` joins them, `signals.py`, `right_of_way.py` and `crosswalks.py` find the rules, `osm.py` writes,
and `isolation.py` runs it all in a child process.
"""

from .conversion import Conversion, Summary
from .conversion_error import MapConversionError
from .isolation import convert, convert_file

__all__ = ["Conversion", "MapConversionError", "Summary", "convert", "convert_file"]
