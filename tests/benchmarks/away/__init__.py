"""What it costs a training that reports each step of 10 ms, with the service there and with it away."""
