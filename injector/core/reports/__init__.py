"""What people ask about many pods or one: where values come from, what is out of date, what to restart."""
