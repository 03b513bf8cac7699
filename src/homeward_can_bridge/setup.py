from setuptools import find_packages, setup

setup(
    name="homeward_can_bridge",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"homeward_can_bridge": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/homeward_can_bridge"]),
        ("share/homeward_can_bridge", ["package.xml"]),
    ],
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "can_bridge = homeward_can_bridge.node:main",
        ]
    },
)
