from setuptools import find_packages, setup

setup(
    name="homeward_runtime",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"homeward_runtime": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/homeward_runtime"]),
        ("share/homeward_runtime", ["package.xml"]),
    ],
    license="Apache-2.0",
)
