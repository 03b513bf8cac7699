from setuptools import find_packages, setup

setup(
    name="homeward_localization",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"homeward_localization": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/homeward_localization"]),
        ("share/homeward_localization", ["package.xml"]),
    ],
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "localization = homeward_localization.node:main",
        ]
    },
)
