from setuptools import find_packages, setup

setup(
    name="homeward_hmi_bridge",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"homeward_hmi_bridge": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/homeward_hmi_bridge"]),
        ("share/homeward_hmi_bridge", ["package.xml"]),
    ],
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "cockpit = homeward_hmi_bridge.node:main",
        ]
    },
)
