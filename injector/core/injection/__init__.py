"""One pod, injected: decide, render, merge, finish, check, diff; and the way back."""
