"""From the tables of each task to the numbers and curves that figures and claims share."""
