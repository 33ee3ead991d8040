"""What figures and claims share: from the engines' tables to derived numbers and curves."""
