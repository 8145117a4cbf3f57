"""What pages cost: with a long history, after a report, with many who look, and what others wait for them."""
