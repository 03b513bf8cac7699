"""The cockpit: a web server with the rosbridge protocol, and the page it serves."""
