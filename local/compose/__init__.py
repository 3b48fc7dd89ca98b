"""What docker-compose.yaml runs once, so that there is something to see."""
