from setuptools import find_packages, setup

setup(
    name="homeward_description",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"homeward_description": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/homeward_description"]),
        ("share/homeward_description", ["package.xml"]),
    ],
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "description = homeward_description.node:main",
        ]
    },
)
