"""The dashboard's sections and the list, each in a file of its own."""
