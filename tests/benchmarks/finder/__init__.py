"""How good the answers of range tests are."""
