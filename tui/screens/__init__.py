"""The app's screens: the dashboard, the lists, the detail of one image, help and dialogs."""
