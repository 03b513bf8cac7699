from setuptools import find_packages, setup

setup(
    name="homeward_perception",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"homeward_perception": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/homeward_perception"]),
        ("share/homeward_perception", ["package.xml"]),
    ],
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "ideal = homeward_perception.ideal:main",
        ]
    },
)
