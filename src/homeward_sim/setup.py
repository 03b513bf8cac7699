from setuptools import find_packages, setup

PACKAGE = "homeward_sim"

setup(
    name=PACKAGE,
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={PACKAGE: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="Homeward",
    maintainer_email="homeward@example.org",
    description="A headless world that speaks CARLA's protocol",
    license="Apache-2.0",
    entry_points={"console_scripts": ["world = homeward_sim.__main__:main"]},
)
