"""Git or a folder, through documents, layers and rules, to a DesiredState. Reads only; knows nothing of the vendor."""
