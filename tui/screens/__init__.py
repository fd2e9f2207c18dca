"""The app's screens: the dashboard, the lists, one image's detail, help and questions."""
