"""Scripts that do the same work as Minuano, each as its users would write it."""
