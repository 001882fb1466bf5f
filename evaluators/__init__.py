"""What a candidate is put through, and where that runs. Light: tasks, torch and Ray load when they are used."""
