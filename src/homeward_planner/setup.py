from setuptools import find_packages, setup

setup(
    name="homeward_planner",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"homeward_planner": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/homeward_planner"]),
        ("share/homeward_planner", ["package.xml"]),
    ],
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "planner = homeward_planner.node:main",
            "controller = homeward_planner.controller:main",
        ]
    },
)
