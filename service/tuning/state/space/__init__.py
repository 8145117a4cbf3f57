"""Parameters: the search space in Optuna's terms, what may be drawn or fixed in it, the learning rate among them."""
