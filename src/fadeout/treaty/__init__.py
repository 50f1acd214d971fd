"""The treaty desk: what the 2008 Convention asks of whom and when, and the reports that it asks for."""
