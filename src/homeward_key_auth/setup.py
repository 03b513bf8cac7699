from setuptools import find_packages, setup

setup(
    name="homeward_key_auth",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"homeward_key_auth": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/homeward_key_auth"]),
        ("share/homeward_key_auth", ["package.xml"]),
    ],
    license="Apache-2.0",
    entry_points={"console_scripts": ["key_auth = homeward_key_auth.node:main"]},
)
