"""Where the car is: wheels and IMU to odom, GNSS to map."""
