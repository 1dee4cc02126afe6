"""How fast Minuano is, beside what one would write without it and what the machine can do."""
