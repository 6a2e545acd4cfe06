"""What the administrator knows, pure: a fold over list and events. No socket, no clock, no drawing."""
