"""The ground floor: what every room stands on. Reads only its own package data and the text it is given, imports nothing above."""
