"""Search by ask, report and tell, over a record that survives anything. Import what you need from its modules."""
