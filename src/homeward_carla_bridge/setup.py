from setuptools import find_packages, setup

setup(
    name="homeward_carla_bridge",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"homeward_carla_bridge": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/homeward_carla_bridge"]),
        ("share/homeward_carla_bridge", ["package.xml"]),
    ],
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "sensors = homeward_carla_bridge.sensors_node:main",
            "ecus = homeward_carla_bridge.ecus_node:main",
            "traffic = homeward_carla_bridge.traffic:main",
        ]
    },
)
