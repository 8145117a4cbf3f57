"""Where the best learning rate lies: functions drawn along the rate, each a valley, and what is read from them."""
