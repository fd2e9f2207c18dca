"""What the app knows: status, view, history, and the messages derived from them. No widgets."""
