"""Pages of the room: the directory, the nodes, consent from the counter to the receipts."""
