"""What people do with the desk, in a real browser, from the first visit to the answered comment."""
