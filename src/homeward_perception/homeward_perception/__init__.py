"""What is around the car: tracked objects and traffic lights."""
